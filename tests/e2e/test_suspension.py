"""`gromit suspend` stops new work within a second, and `gromit resume` continues it.

Work that has begun is finished.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.stage import Stage
from tests.waiting import wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

WORKERS = ("sow", "reap", "chitragupta")


@pytest.fixture
def stage(stage: Stage) -> Iterator[Stage]:
    """An installation whose suspension ends with the test."""
    yield stage
    stage.gromit("resume")
    (stage.ground.place.config / "noprocess").unlink(missing_ok=True)


def test_a_single_pass_does_nothing_while_processing_is_suspended(stage: Stage) -> None:
    up, gone = stage.env("up"), stage.env("gone")
    for name in (up, gone):
        stage.build("alpha", name)
    stage.delete(gone)
    stage.gromit("suspend", "--reason", "the database moves")
    for worker in WORKERS:
        refused = stage.work(worker, code=5)
        assert "the database moves" in refused.err
        assert '"hint": "run `gromit resume` to continue"' in refused.err
    assert (stage.phase(up), stage.phase(gone), stage.records()) == ("pending", "deleting", {})
    assert len(stage.history(up)) == 1
    stage.gromit("resume", "--reason", "it has moved")
    assert stage.work("reap").endings == {gone: "done"}


def test_the_file_stops_work_too_and_is_shown_to_those_who_wait(stage: Stage) -> None:
    name = stage.env("waits")
    stage.build("alpha", name)
    stage.gromit("suspend", stage.root, "--reason", "the database moves")
    for worker in WORKERS:
        assert f"gromit resume {stage.root}" in stage.work(worker, code=5).err
    waited = stage.gromit("env", "wait", name, "--timeout", "1s", code=1)
    assert "pending, suspended by " in waited.err
    assert ": the database moves" in waited.err
    stage.gromit("resume", stage.root)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.look(name)["suspended"] is None


def test_one_environment_is_suspended_and_the_others_go_on(stage: Stage) -> None:
    held, other = stage.env("held"), stage.env("other")
    for name in (held, other):
        stage.build("alpha", name)
    stage.gromit("suspend", "--env", held, "--reason", "I look into it", "--until", "1h")
    assert stage.work("sow").endings == {other: "done"}
    assert "I look into it" in stage.gromit("env", "get", held).out
    stage.gromit("resume", "--env", held)
    assert stage.work("sow").endings == {held: "done"}
    kinds = [kind for kind, *_ in stage.history(held)]
    assert kinds == ["created", "suspended", "resumed", "sown"]


@pytest.mark.long
def test_a_watch_finishes_what_runs_begins_nothing_new_and_continues_after_resume(
    stage: Stage,
) -> None:
    running, later = stage.env("running"), stage.env("later")
    first = stage.build("alpha", running)
    # Only an announcement wakes sow: its next pass of its own would come in an hour.
    watches = {
        worker: stage.start(worker, stage.root, "--watch", GROMIT_SOW_BACKSTOP="1h")
        for worker in WORKERS
    }
    watches["sow"].until_made(running)
    stage.gromit("suspend", "--reason", "the database moves")
    second = stage.build("alpha", later)
    halted = watches["sow"].until_logged("work.halted", kind="sow")
    assert "the database moves" in halted["reason"]
    watches["reap"].until_logged("work.halted", kind="reap")
    watches["chitragupta"].until_logged("dns.pass_failed")
    watches["sow"].until_logged("run.finished", env=running, ending="done")
    assert (stage.phase(running), stage.running("alpha", running)) == ("ready", first.sha)
    assert (stage.phase(later), stage.look(later)["lease"], stage.records(later)) == (
        "pending",
        None,
        {},
    )

    stage.gromit("resume")
    watches["sow"].until_logged("run.progress", env=later)
    stage.until_phase(later, "ready")
    wait_for("the public names", lambda: len(stage.records()) == 4, 30)
    assert stage.running("alpha", later, public=True) == second.sha
    for watch in watches.values():
        watch.popen.terminate()
    for watch in watches.values():
        watch.ended(0)
