"""The action with a gateway that is busy, away or untrusted, and in a workflow with mistakes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles
from gromit_action.exchange import Wrong
from gromit_action.identity import token_of
from gromit_action.inputs import gateway_url, patience
from gromit_action.reports import Build, request_for, sequence_of
from tests.fakes.authority import TestCa
from tests.fakes.issuer import Issuer
from tests.hooks import events
from tests.hooks.events import Event
from tests.hooks.gateway import Troubled
from tests.hooks.workflow import Workflow


@pytest.fixture(scope="module")
def running() -> Iterator[Troubled]:
    with Troubled().running() as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Troubled) -> Troubled:
    """A gateway that has seen nothing yet."""
    running.answers.clear()
    running.tokens.clear()
    return running


@pytest.fixture
def workflow(gateway: Troubled, tmp_path: Path) -> Workflow:
    return Workflow(tmp_path, {"url": gateway.url, "token": "gromit_ours", "patience": "20"})


def _busy(status: int, retry_after: str | None = None, error: str = "later") -> Response:
    return JSONResponse(
        {"error": error}, status, {} if retry_after is None else {"Retry-After": retry_after}
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_gateway_that_is_busy_is_asked_again(
    workflow: Workflow, gateway: Troubled, status: int
) -> None:
    gateway.answers.append(_busy(status))
    done = workflow.run(events.push())
    assert (done.code, len(gateway.tokens)) == (0, 2)
    assert f"{status}: later; next attempt in " in done.log


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_it_waits_for_the_given_time(workflow: Workflow, gateway: Troubled, form: str) -> None:
    at = datetime.now(UTC) + timedelta(seconds=4)
    gateway.answers.append(
        _busy(429, "2" if form == "seconds" else format_datetime(at, usegmt=True))
    )
    started = time.monotonic()
    assert workflow.run(events.push()).code == 0
    assert time.monotonic() - started > 1.5


@pytest.mark.parametrize("retry_after", ["86400", "9" * 400, "Thu, 01 Jan 2099 00:00:00 GMT"])
def test_it_never_waits_beyond_its_patience(
    workflow: Workflow, gateway: Troubled, retry_after: str
) -> None:
    gateway.answers.append(_busy(503, retry_after))
    done = workflow.run(events.push())
    assert (done.code, len(gateway.tokens)) == (75, 1)
    assert "::error title=notify-gromit::gave up: 503: later" in done.log
    assert "next attempt" not in done.log


@pytest.mark.parametrize(
    "retry_after",
    ["-5", "soon", "", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00"],
)
def test_a_time_that_says_nothing_is_a_pause_of_its_own(
    workflow: Workflow, gateway: Troubled, retry_after: str
) -> None:
    gateway.answers.append(_busy(503, retry_after))
    assert (workflow.run(events.push()).code, len(gateway.tokens)) == (0, 2)


def test_without_patience_it_is_tried_once(workflow: Workflow, gateway: Troubled) -> None:
    workflow.inputs["patience"] = "0"
    gateway.answers.append(_busy(503))
    assert (workflow.run_step(events.push()).code, len(gateway.tokens)) == (75, 1)


def test_a_gateway_that_is_away_gets_the_report_later(workflow: Workflow) -> None:
    workflow.inputs |= {"url": "http://127.0.0.1:9", "patience": "1"}
    done = workflow.run(events.push())
    assert done.code == 75
    assert "gave up: 127.0.0.1:9 cannot be reached" in done.log


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 431])
def test_a_refusal_is_final_and_says_why(
    workflow: Workflow, gateway: Troubled, status: int
) -> None:
    gateway.answers.append(_busy(status, error="because\n::error::of 100% \x1b[31mthis ##[error]"))
    done = workflow.run(events.push())
    assert (done.code, len(gateway.tokens)) == (1, 1)
    why = "because ::error::of 100%25  [31mthis # [error]"
    assert done.log == f"::error title=notify-gromit::refused ({status}): {why}\n"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(workflow: Workflow, gateway: Troubled, status: int) -> None:
    gateway.answers.append(RedirectResponse("/elsewhere", status))
    done = workflow.run(events.push())
    assert (done.code, len(gateway.tokens)) == (1, 1)
    assert f"refused ({status})" in done.log


@pytest.mark.parametrize(
    "answer",
    [PlainTextResponse("hello"), JSONResponse([]), JSONResponse({"name": "x\noutcome=retired"})],
)
def test_an_answer_of_another_server_sets_no_output(
    workflow: Workflow, gateway: Troubled, answer: Response
) -> None:
    gateway.answers.append(answer)
    assert workflow.run(events.push()).outputs == {"outcome": "reported"}


def test_a_certificate_that_is_not_trusted_gets_no_token_and_no_second_try(
    workflow: Workflow, tmp_path: Path
) -> None:
    files, gateway = TestCa(tmp_path / "ca").leaf("gateway", "server"), Troubled()
    with gateway.running(ServerTls(CertificateFiles(files.cert, files.key))):
        workflow.inputs["url"] = gateway.url
        done = workflow.run(events.push())
    assert (done.code, gateway.tokens) == (2, [])
    assert "is not trusted" in done.log


class TestOidc:
    """The source of the job's own token."""

    @pytest.fixture
    def issuer(self) -> Iterator[Issuer]:
        with Issuer().running() as issuer:
            yield issuer

    @pytest.fixture
    def job(self, workflow: Workflow, issuer: Issuer) -> Workflow:
        """A workflow with the permission to ask for one."""
        del workflow.inputs["token"]
        workflow.issuer = issuer
        return workflow

    def test_each_try_shows_a_new_one_as_they_live_for_minutes(
        self, job: Workflow, issuer: Issuer, gateway: Troubled
    ) -> None:
        gateway.answers.append(_busy(503))
        assert job.run(events.push()).code == 0
        assert issuer.audiences == [gateway.url] * 2
        assert all(token.startswith("Bearer eyJ") for token in gateway.tokens)

    def test_github_that_is_busy_is_asked_again(self, job: Workflow, gateway: Troubled) -> None:
        gateway.answers.append(_busy(500))
        job.variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"{gateway.url}/token"
        gateway.answers.append(JSONResponse({"value": "a.b.c"}))
        assert job.run(events.push()).code == 0
        assert gateway.tokens[2] == "Bearer a.b.c"

    @pytest.mark.parametrize(
        "answer",
        [_busy(403), JSONResponse({}), PlainTextResponse("x"), JSONResponse({"value": "a b"})],
    )
    def test_without_an_answer_that_is_one_there_is_no_token(
        self, job: Workflow, gateway: Troubled, answer: Response
    ) -> None:
        job.variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"{gateway.url}/token"
        gateway.answers.append(answer)
        assert (job.run_step(events.push()).code, len(gateway.tokens)) == (2, 1)

    def test_without_the_permission_the_job_says_what_is_missing(
        self, job: Workflow, gateway: Troubled
    ) -> None:
        job.issuer = None
        done = job.run(events.push())
        assert (done.code, gateway.tokens) == (2, [])
        assert "give the job `permissions: {id-token: write}`" in done.log


class TestWrongWorkflows:
    """Errors before anything is sent."""

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "gateway.example.com",
            "http://gateway.example.com",
            "https://",
            "https://u:p@gateway.example.com",
            "https://gateway.example.com?x",
            "https://gateway.example.com/#x",
            "https://gateway.example.com/a b",
            "https://gateway.example.com:x",
            "https://[x",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ],
    )
    def test_a_url_that_no_token_may_be_sent_to(self, url: str) -> None:
        with pytest.raises(Wrong, match="the input url is not the address of a gateway"):
            gateway_url({"NOTIFY_URL": url})

    def test_a_url_may_end_with_a_slash(self) -> None:
        assert (
            gateway_url({"NOTIFY_URL": " https://gateway.example.com:8443/ "})
            == "https://gateway.example.com:8443"
        )

    @pytest.mark.parametrize(
        ("run", "attempt", "sequence"),
        [
            ("19876543210", "1", 19_876_543_210_001),
            ("57", "12", 57_012),
            ("57", "4000", 57_999),
            ("9007199254740", "991", 2**53 - 1),
            ("9007199254740", "992", None),
            ("9" * 400, "1", None),
            ("", "1", None),
            ("57", "", None),
            ("57", "-1", None),
            ("5.7", "1", None),
            ("\u0665\u0667", "1", None),
        ],
    )
    def test_a_run_without_usable_numbers_has_no_sequence(
        self, run: str, attempt: str, sequence: int | None
    ) -> None:
        variables = {"GITHUB_RUN_ID": run, "GITHUB_RUN_ATTEMPT": attempt}
        assert sequence_of(variables) == sequence
        assert sequence_of({}) is None

    def test_without_a_sequence_the_request_is_as_it_always_was(self) -> None:
        build, url = Build("refs/heads/x", "sha"), "https://gateway.example.com"
        bodies = [request_for(build, url, "tyk", number).data for number in (None, 7)]
        assert bodies == [
            b'{"repo": "tyk", "ref": "refs/heads/x", "sha": "sha"}',
            b'{"repo": "tyk", "ref": "refs/heads/x", "sha": "sha", "sequence": 7}',
        ]

    @pytest.mark.parametrize("given", ["-1", "1.5", "soon", "3601", "\u0663"])
    def test_a_patience_that_is_no_time(self, given: str) -> None:
        with pytest.raises(Wrong, match="the input patience"):
            patience({"NOTIFY_PATIENCE": given})

    @pytest.mark.parametrize("token", ["two words", "a\nx-injected: y", "\u00fc"])
    def test_a_token_that_could_be_none(self, token: str) -> None:
        with pytest.raises(Wrong, match="the token contains blanks") as refused:
            token_of({"NOTIFY_TOKEN": token}, "")
        assert token not in str(refused.value)

    @pytest.mark.parametrize(
        "inputs",
        [{"url": "http://gateway.example.com"}, {"patience": "soon"}, {"token": "two words"}],
    )
    def test_nothing_is_sent_with_a_wrong_input(
        self, workflow: Workflow, gateway: Troubled, inputs: dict[str, str]
    ) -> None:
        workflow.inputs |= inputs
        assert (workflow.run(events.push()).code, gateway.tokens) == (2, [])

    @pytest.mark.parametrize(
        "event",
        [
            Event("push", {}),
            Event("push", {"ref": 7, "after": "x"}),
            Event("delete", {"ref": "app-test"}),
            Event("pull_request", {"action": "opened", "pull_request": None}),
        ],
    )
    def test_a_payload_that_is_none(
        self, workflow: Workflow, gateway: Troubled, event: Event
    ) -> None:
        done = workflow.run(event)
        assert (done.code, gateway.tokens) == (2, [])
        assert f"the event {event.name} is not understood" in done.log

    @pytest.mark.parametrize("text", ["", "{", "\x00"])
    def test_a_file_that_is_none(self, workflow: Workflow, text: str) -> None:
        (workflow.folder / "other.json").write_text(text)
        workflow.variables["GITHUB_EVENT_PATH"] = str(workflow.folder / "other.json")
        done = workflow.run(events.push())
        assert done.code == 2
        assert "there is no event of GitHub Actions" in done.log
