"""gromit removes only locks of dead owners: none of a living one, of a person, or by age."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.e2e.processes import Process
from tests.e2e.stage import Build, Stage
from tests.e2e.strikes import fall_asleep_at

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture
def hasty(install: Callable[..., Stage]) -> Stage:
    """An installation whose leases expire soon, though not while a loaded machine renews them."""
    stage = install(GROMIT_LEASE_TTL="6s", GROMIT_LEASE_RENEW="0.5s", GROMIT_SOW_RETRY="1h")
    stage.serve()
    return stage


def refused(stage: Stage, build: Build) -> str:
    """Run sow, which must fail; return the message for people."""
    before = stage.lock(build.environment)
    sow = stage.work("sow", code=1)
    assert sow.endings == {build.environment: "failed"}
    assert (before is not None, stage.lock(build.environment)) == (True, before), (
        "the lock is the same"
    )
    assert stage.services(build.environment) == []
    found = stage.look(build.environment)
    assert (found["phase"], found["error"]["kind"]) == ("failed", "locked")
    message = str(found["error"]["message"])
    assert f"gromit env unlock {build.environment}" in message
    return message


def again(stage: Stage, build: Build) -> None:
    """Report the same build again, as a repeated CI job does."""
    stage.report("alpha", build.environment, build.sha)
    assert stage.history(build.environment)[-1][0] == "retry"


def test_a_lock_whose_owner_lives_is_left_alone_until_a_person_removes_it(hasty: Stage) -> None:
    build = hasty.build("alpha", hasty.env("app"))
    asleep = fall_asleep_at(hasty, "sow", "before:Verify")
    hasty.until_phase(build.environment, "pending")
    assert f"process {asleep.pid} holds it and is alive" in refused(hasty, build)
    assert (
        f"gromit env unlock {build.environment}"
        in hasty.gromit("env", "get", build.environment).out
    )
    said = hasty.gromit("env", "unlock", build.environment, "--yes", code=1)
    assert f"process {asleep.pid}" in said.err
    assert "its owner lives" in said.err
    assert hasty.lock(build.environment) is not None
    hasty.gromit("env", "unlock", build.environment, "--yes", "--force")
    assert hasty.lock(build.environment) is None
    again(hasty, build)
    assert hasty.work("sow").endings == {build.environment: "done"}
    assert hasty.running("alpha", build.environment) == build.sha

    asleep.signal(signal.SIGCONT)
    asleep.ended(0)
    assert asleep.events("lock.lost") != []
    assert asleep.events("run.finished")[0]["ending"] == "fenced", (
        "it looks whether its claim holds, and does nothing"
    )
    assert asleep.events("terraform.ended") == []
    assert hasty.phase(build.environment) == "ready"


def at_the_question(stage: Stage, build: Build) -> Process:
    """Start a person's terraform that has the lock and asks for approval of its plan."""
    person = stage.launch("gromit", ["terraform", build.environment, "--", "apply"], stage.person)
    person.until_said("Enter a value:")
    return person


@pytest.mark.long
def test_a_lock_of_a_persons_terraform_is_never_taken(hasty: Stage) -> None:
    build = hasty.build("alpha", hasty.env("app"))
    person = at_the_question(hasty, build)
    assert "person holds the lock" in refused(hasty, build)
    person.say("no\n")
    person.ended(1)
    assert hasty.lock(build.environment) is None
    person = at_the_question(hasty, build)
    again(hasty, build)
    assert "person holds the lock" in refused(hasty, build)
    os.killpg(person.pid, signal.SIGKILL)
    person.ended(-signal.SIGKILL)
    again(hasty, build)
    assert "person holds the lock" in refused(hasty, build), "nothing proves that it is dead"
    hasty.gromit("env", "unlock", build.environment, "--yes")
    again(hasty, build)
    assert hasty.work("sow").endings == {build.environment: "done"}
    assert hasty.running("alpha", build.environment) == build.sha
    none = hasty.gromit("env", "unlock", build.environment, "--yes", code=1)
    assert f"there is no lock on {build.environment}" in none.err
