"""The life of a pull request, from the first push to the deleted branch.

Each job is the real script as a process, before a real gateway and serve, and a fake of GitHub's
API. Only the worker is played by the test.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gromit.core.environments.observation import Observation
from gromit.core.security.roles import Role
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.web.clients.environments import ServeObservations
from tests.fakes.issuer import AUDIENCE, Issuer
from tests.hooks import events
from tests.hooks.events import Event
from tests.hooks.repository import Repository
from tests.hooks.workflow import Done, Workflow
from tests.web.fronting import Front
from tests.web.serving import Serve, eventually

FIRST, SECOND, THIRD = ("1" * 40, "2" * 40, "3" * 40)
URL = "http://tyk.app-test.dev.example.com:8181"


class Jobs:
    """Jobs of one repository, each with a greater run id than those before it."""

    def __init__(self, folder: Path, url: str, issuer: Issuer, github: Repository) -> None:
        self._folder = folder
        self._inputs = {"url": url, "audience": AUDIENCE, "timeout": "120"}
        self._issuer = issuer
        self._github = github
        self._runs = 70

    def run(self, event: Event, **inputs: str) -> Done:
        """Run a job to its end."""
        self._runs += 1
        folder = self._folder / str(self._runs)
        folder.mkdir()
        variables = {
            "GITHUB_API_URL": self._github.url,
            "GITHUB_RUN_ID": str(self._runs),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_NUMBER": str(self._runs),
        }
        workflow = Workflow(folder, {**self._inputs, **inputs}, self._issuer, variables)
        return workflow.run_step(event)

    @contextmanager
    def running(self, event: Event, **inputs: str) -> Iterator["Future[Done]"]:
        """Run a job beside the test."""
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(self.run, event, **inputs)


def _made(sha: str) -> list[dict[str, Any]]:
    return [{"name": "tyk", "repository": "tyk", "version": sha, "digest": None, "port": 8181}]


def _work(serve: Serve, sha: str, what: str = "done", **more: Any) -> None:
    """Do the work of a worker as soon as the build is there."""
    eventually(lambda: _desired(serve) == sha)
    serve.clock.advance(s=3600)
    given = {"made": _made(sha)} if what == "done" else more
    assert serve.outcome(serve.claim("sow"), what, **given).status_code == 200


def _desired(serve: Serve) -> str | None:
    rows = serve.rows
    return rows.get("app-test", {}).get("v#tyk")


def _publish(serve: Serve) -> None:
    """Report what chitragupta sees: the public name is there, and the program is well."""
    epoch = serve.get("/v1/environments/app-test")["epoch"]
    names = {"tyk": NameStatus(NameState.PUBLISHED)}
    well = {"tyk": HealthStatus(HealthState.PASS)}
    client = serve.serve_client(Role.WORKER)
    ServeObservations(client).report([Observation("app-test", epoch, {}, names, well)])


def _shows(github: Repository, *words: str) -> Callable[[], bool]:
    def shows() -> bool:
        bodies = github.bodies(7)
        return len(bodies) == 1 and all(word in bodies[0] for word in words)

    return shows


def test_a_pull_request_from_its_first_push_to_its_deleted_branch(
    serve: Serve, gateway: Front, issuer: Issuer, tmp_path: Path
) -> None:
    github = Repository(commits={FIRST, SECOND, THIRD})
    with github.running():
        jobs = Jobs(tmp_path, gateway.url, issuer, github)

        # A push before there is a pull request: a deployment, and no comment.
        with jobs.running(events.push(sha=FIRST), wait="true", dns="false") as job:
            _work(serve, FIRST)
            done = job.result()
        assert (done.code, done.outputs["result"], done.outputs["url"]) == (0, "ready", URL)
        assert "app-test: ready" in done.log
        assert github.comments == {}
        assert github.states()[FIRST][-1] == "success"

        # The pull request is opened: the comment comes, though nothing is built.
        github.open_pull(7, "app-test")
        opened = events.pull_request("opened")
        done = jobs.run(opened, report="false", comment="true")
        assert (done.code, _desired(serve)) == (0, FIRST)
        assert _shows(github, "ready", f"(<{URL}>)")()

        # The second build fails: reason and remedy, and the job fails with it.
        with jobs.running(events.push(sha=SECOND), wait="true") as job:
            _work(serve, SECOND, "fail", error_kind="invalid", message="tyk has no image")
            done = job.result()
        assert (done.code, done.outputs["result"]) == (1, "failed")
        assert _shows(github, "tyk has no image", "fix the build")()
        assert github.states()[SECOND][-1] == "failure"

        # The third one is ready when its name is published.
        with jobs.running(events.push(sha=THIRD), wait="true") as job:
            _work(serve, THIRD)
            _publish(serve)
            done = job.result()
        assert (done.code, done.outputs["result"], done.outputs["url"]) == (0, "ready", URL)
        assert {sha: states[-1] for sha, states in github.states().items()} == {
            FIRST: "inactive",
            SECOND: "inactive",
            THIRD: "success",
        }

        # Closed: the branch and its environment stay. Deleted: all of it is retired.
        assert jobs.run(events.pull_request("closed")).outputs == {"outcome": "nothing"}
        github.pulls[0]["state"] = "closed"
        done = jobs.run(events.delete(), comment="true", deployment="true")
        assert (done.code, done.outputs) == (0, {"outcome": "retired"})
        assert _shows(github, "retired")()
        assert github.states()[THIRD][-1] == "inactive"
        assert serve.state("app-test") == "deleted"


def test_a_job_that_is_overtaken_leaves_the_pages_to_the_newer_one(
    serve: Serve, gateway: Front, issuer: Issuer, tmp_path: Path
) -> None:
    github = Repository(commits={FIRST, SECOND})
    with github.running():
        github.open_pull(7, "app-test")
        jobs = Jobs(tmp_path, gateway.url, issuer, github)
        with jobs.running(events.push(sha=FIRST), wait="true", dns="false") as older:
            eventually(_shows(github, "pending"))
            with jobs.running(events.push(sha=SECOND), wait="true", dns="false") as newer:
                _work(serve, SECOND)
                assert newer.result().outputs["result"] == "ready"
            assert older.result().outputs["result"] == "superseded"
        assert _shows(github, "ready", SECOND)()
        assert github.states()[FIRST][-1] == "inactive"
        assert github.states()[SECOND][-1] == "success"
