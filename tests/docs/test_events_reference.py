"""The reference of log events lists what the code logs."""

import ast

import pytest

from tests.docs.events_reference import LOCAL, MEANINGS, page
from tests.docs.log_events import Said, VariableName, said_in
from tests.docs.markdown import read


def test_the_page_is_what_the_code_logs() -> None:
    assert page() == read("reference/events.md"), "run: make docs"


def test_names_are_dotted_words() -> None:
    assert [
        name
        for name in {**MEANINGS, **LOCAL}
        if not all(part.replace("_", "").isalpha() for part in name.split("."))
    ] == []


HEAD = "log = structlog.get_logger(__name__)\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('def f():\n log.info("a.b", x=1)', [Said("a.b", "info", frozenset({"x"}))]),
        ('def f():\n log.exception("a.b")', [Said("a.b", "error", frozenset())]),
        (
            'async def f():\n if x:\n  log.error("a.b", exc_info=e)',
            [Said("a.b", "error", frozenset())],
        ),
        ('def f():\n def g():\n  log.info("a.b")\n return g', [Said("a.b", "info", frozenset())]),
        ('def f():\n other.info("a.b")', []),
        (
            """
class C:
    def say(self, event, reason, **data):
        log.warning(event, reason=reason, **data)
    def f(self):
        self.say("a.b", "no", client=1)
            """,
            [Said("a.b", "warning", frozenset({"reason", "client"}))],
        ),
    ],
)
def test_what_is_logged_is_found(source: str, said: list[Said]) -> None:
    assert list(said_in(ast.parse(HEAD + source))) == said


@pytest.mark.parametrize(
    "source",
    [
        'def f(x):\n log.info(f"a {x}")',
        'def say(event):\n log.info(event)\ndef f(x):\n say("a" + x)',
    ],
)
def test_a_name_that_is_no_constant_is_refused(source: str) -> None:
    with pytest.raises(VariableName):
        list(said_in(ast.parse(HEAD + source)))
