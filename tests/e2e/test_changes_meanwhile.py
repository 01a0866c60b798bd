"""The desired state changes during a run, or serve goes away: nothing is lost."""

import signal

import pytest

from tests.e2e.processes import Process
from tests.e2e.stage import Stage
from tests.e2e.strikes import fall_asleep_at

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def in_the_middle_of_an_apply(stage: Stage, environment: str) -> Process:
    """Start a sow, and return when its terraform waits for the cluster of an environment."""
    sow = stage.start("sow", stage.root)
    sow.until_made(environment)
    assert stage.phase(environment) == "sowing"
    return sow


def test_a_build_that_comes_while_its_environment_is_sown_is_deployed_afterwards(
    stage: Stage,
) -> None:
    name = stage.env("app")
    older = stage.build("alpha", name)
    sow = in_the_middle_of_an_apply(stage, name)
    newer = stage.build("alpha", name)
    found = stage.look(name)
    assert (found["phase"], found["generation"], found["observed"]) == ("sowing", 2, 0), (
        "the moment was missed"
    )
    sow.ended(0)
    assert [e["code"] for e in sow.events("terraform.ended", env=name, action="apply")] == [0, 0]
    assert [kind for kind, _ in stage.history(name)] == ["created", "build", "sown", "sown"]
    text = stage.history(name)[2][1]
    assert text.startswith(f"alpha={older.sha}, ")
    assert "; a newer generation is desired already" in text
    assert (stage.phase(name), stage.lock(name)) == ("ready", None)
    assert stage.running("alpha", name) == newer.sha


def test_a_delete_that_comes_while_its_environment_is_sown_leads_to_its_reaping(
    stage: Stage,
) -> None:
    name = stage.env("app")
    stage.build("alpha", name)
    sow = in_the_middle_of_an_apply(stage, name)
    stage.delete(name)
    assert stage.phase(name) == "reaping", "its lease is the sower's still"
    assert stage.work("reap").json == [], "no other worker takes claimed work"
    sow.ended(0)
    assert stage.phase(name) == "deleting"
    assert stage.services(name) == ["alpha", "beta"]
    assert stage.work("reap").endings == {name: "done"}
    assert stage.phase(name) == "gone"
    assert (
        stage.services(name),
        stage.state(name),
        stage.lock(name),
        stage.config_folder(name),
    ) == ([], None, None, False)


@pytest.mark.long
def test_a_build_that_comes_while_its_environment_is_destroyed_is_deployed_afterwards(
    stage: Stage,
) -> None:
    name = stage.env("app")
    stage.build("alpha", name)
    stage.work("sow")
    stage.delete(name)
    reaper = fall_asleep_at(stage, "reap", "after:destroy")
    newer = stage.build("alpha", name)
    assert (stage.phase(name), stage.services(name)) == ("sowing", []), (
        "the lease is the reaper's still"
    )
    reaper.signal(signal.SIGCONT)
    reaper.ended(0)
    found = stage.look(name)
    assert (found["phase"], found["observed"]) == ("pending", 0)
    assert (stage.state(name), stage.lock(name)) == (None, None)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.running("alpha", name) == newer.sha


def test_a_serve_that_is_killed_while_an_environment_is_sown_gets_the_result_when_it_is_back(
    stage: Stage,
) -> None:
    name = stage.env("app")
    build = stage.build("alpha", name)
    sow = in_the_middle_of_an_apply(stage, name)
    (serve,) = (process for process in stage.processes if process is not sow)
    serve.signal(signal.SIGKILL)
    serve.ended(-signal.SIGKILL)
    stage.serve()
    sow.ended(0)
    assert len(sow.events("terraform.ended", env=name)) == 1
    assert (stage.phase(name), stage.lock(name)) == ("ready", None)
    assert stage.running("alpha", name) == build.sha
