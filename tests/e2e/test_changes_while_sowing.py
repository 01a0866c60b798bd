"""What is wanted changes while a worker makes it so: nothing of it is lost."""

import pytest

from tests.e2e.processes import Process
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def in_the_middle_of_an_apply(stage: Stage, environment: str) -> Process:
    """A sow whose terraform has made the first resources of an environment, and waits for its cluster."""
    sow = stage.start("sow", stage.root)
    sow.until_made(environment)
    assert stage.phase(environment) == "sowing"
    return sow


def test_a_build_that_comes_while_its_environment_is_sown_is_deployed_afterwards(stage: Stage) -> None:
    name = stage.env("app")
    stage.build("alpha", name)
    sow = in_the_middle_of_an_apply(stage, name)
    newer = stage.build("alpha", name)
    found = stage.look(name)
    assert (found["phase"], found["generation"], found["observed"]) == ("sowing", 2, 0), "the moment was missed"
    sow.ended(0)
    assert [e["code"] for e in sow.events("terraform.ended", env=name, action="apply")] == [0, 0]
    assert [kind for kind, _ in stage.history(name)] == ["created", "build", "sown", "sown"]
    assert stage.history(name)[2] == ("sown", "something newer is wanted already")
    assert (stage.phase(name), stage.lock(name)) == ("ready", None)
    assert stage.running("alpha", name) == newer.sha


def test_a_delete_that_comes_while_its_environment_is_sown_leads_to_its_reaping(stage: Stage) -> None:
    name = stage.env("app")
    stage.build("alpha", name)
    sow = in_the_middle_of_an_apply(stage, name)
    stage.gromit("env", "delete", name)
    assert stage.phase(name) == "reaping", "its lease is the sower's still"
    assert stage.work("reap").json == [], "nobody else takes what is held"
    sow.ended(0)
    assert stage.phase(name) == "deleting"
    assert stage.services(name) == ["alpha", "beta"]
    assert stage.work("reap").endings == {name: "done"}
    assert stage.phase(name) == "gone"
    assert (stage.services(name), stage.state(name), stage.lock(name), stage.config_folder(name)) == ([], None, None, False)
