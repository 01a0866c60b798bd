"""A worker that gets a signal during a run ends soon and loses nothing."""

import signal

import pytest

from gromit.local.cloud.processes import descendants
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_in_the_middle_of_an_apply_saves_the_state_and_gives_everything_back(
    stage: Stage, number: signal.Signals
) -> None:
    build = stage.build("alpha", stage.env("app"))
    name = build.environment
    sow = stage.start("sow", stage.root, "-o", "json")
    sow.until_made(name)
    below = descendants(sow.pid)
    assert below, "its terraform runs"
    sow.signal(number)
    sow.ended(130, seconds=75)
    assert not any(process.alive() for process in below)
    assert '"ending": "stopped"' in sow.out
    assert stage.resources(name) > 0, "what was made is known"
    assert (stage.phase(name), stage.look(name)["lease"], stage.lock(name)) == (
        "pending",
        None,
        None,
    )
    assert stage.work("sow").endings == {name: "done"}
    assert (stage.phase(name), stage.running("alpha", name)) == ("ready", build.sha)
