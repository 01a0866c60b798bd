"""Every command of the AWS CLI on a page exists, with its options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.aws_cli import as_text, faults, main
from tests.docs.markdown import DOCS, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "terraform").rglob("*.md"), *DOCS.rglob("*.md")])
_CONTINUED = re.compile(r"\\\n *")
_CALL = re.compile(r"(?<!doctor )\baws (?=[a-z0-9-]+ [a-z][a-z0-9-]+)")


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of the AWS CLI in the code of a page."""
    for code in _code(_CONTINUED.sub(" ", text)):
        for found in _CALL.finditer(code):
            yield _words(code[found.end() :])


def _code(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside or line.startswith("    "):
            yield line
        else:
            yield from re.findall(r"`([^`\n]+)`", line)


def _words(rest: str) -> list[str]:
    """Return words up to the end of the command, for example a pipe or a redirection."""
    lexer = shlex.shlex(rest, posix=True, punctuation_chars="();|>&`")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found = list[str]()
    try:
        for word in lexer:
            if set(word) <= set("();|>&`"):
                break
            found.append(word)
    except ValueError:  # the quotation of a command around it ends here
        pass
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_the_aws_cli_exists(page: Path) -> None:
    found = commands(page.read_text(encoding="utf-8"))
    assert [(words, wrong) for words in found if (wrong := list(faults(words)))] == []


def test_planted_commands_are_found() -> None:
    text = (
        "`aws ec2 dance`, `aws dance now`\n\n"
        "    aws s3api get-object --bucket b --dance file\n"
        '    A="$(aws ecs list-tasks --cluster c \\\n      --jump)" && aws dynamodb wait dance\n'
    )
    assert [wrong for words in commands(text) for wrong in faults(words)] == [
        "ec2 has no operation dance",
        "there is no service dance",
        "no option --dance",
        "no option --jump",
        "dynamodb has no waiter dance",
    ]


def test_results_are_printed_as_text_like_those_of_the_aws_cli() -> None:
    assert as_text([["a", 1], ["b", None]]) == "a\t1\nb\tNone"
    assert as_text("a") == "a"


def test_a_wrong_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dynamodb", "dance"]) == 255
    assert "dynamodb has no operation dance" in capsys.readouterr().err
