"""An environment that runs and does not work: real requests to the processes of its tasks."""

from collections.abc import Callable

import pytest

from tests.e2e.ground import CATALOGUE
from tests.e2e.stage import Stage
from tests.waiting import wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture
def stage(install: Callable[..., Stage]) -> Stage:
    made = install(GROMIT_CATALOGUE=str(CATALOGUE.with_name("health.yaml")))
    made.serve()
    return made


def build(stage: Stage, environment: str, sha: str) -> None:
    """Push and report a build that says `sha` when it is asked for its health."""
    stage.push("alpha", environment, sha)
    stage.report("alpha", environment, sha)


def health(stage: Stage, environment: str) -> str:
    """Return the health of alpha as serve shows it."""
    return str(stage.look(environment)["components"]["alpha"]["health"]["state"])


def test_an_environment_is_degraded_while_its_program_says_that_it_does_not_work(
    stage: Stage,
) -> None:
    name = stage.env("sick")
    build(stage, name, "fail")
    assert stage.work("sow").endings == {name: "done"}
    assert (stage.phase(name), health(stage, name)) == ("ready", "unknown")
    stage.work("chitragupta")
    assert (stage.phase(name), health(stage, name)) == ("degraded", "fail")
    assert stage.history(name)[-1] == ("degraded", "alpha: /hello says fail")
    assert stage.work("sow", "--dry-run").json[0]["action"] == "none"
    assert stage.work("sow").endings == {}
    waited = stage.gromit("env", "wait", name, "--timeout", "1s", code=1)
    assert "it is degraded (alpha: /hello says fail)" in waited.err

    watch = stage.start("chitragupta", stage.root, "--watch", GROMIT_DNS_PAUSE="0.5s")
    build(stage, name, "pass")
    assert stage.work("sow").endings == {name: "done"}
    wait_for("health", lambda: health(stage, name) == "pass", 60)
    assert stage.phase(name) == "ready"
    assert "alpha" in stage.gromit("env", "wait", name, "--timeout", "1s").out
    assert watch.popen.poll() is None, watch.err
