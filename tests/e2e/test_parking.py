"""A parked environment runs nothing, records builds, and comes back with the newest version."""

import pytest

from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def test_a_parked_environment_runs_nothing_until_it_comes_back(stage: Stage) -> None:
    name = stage.env("parked")
    stage.build("alpha", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.running("alpha", name, public=True), "sow publishes what it has made"

    stage.gromit("env", "park", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.phase(name) == "parked"
    assert stage.records(name) == {}
    stage.work("chitragupta")
    assert stage.records(name) == {}
    shown = stage.gromit("cluster", "show", name, "-o", "json").json
    assert shown["services"]
    assert {(s["running"], s["desired"]) for s in shown["services"]} == {(0, 0)}

    newest = stage.build("alpha", name)
    assert stage.work("sow").endings == {}
    assert stage.phase(name) == "parked"
    waited = stage.gromit("env", "wait", name, "--timeout", "1s", code=1)
    assert "unpark it with `gromit env unpark`" in waited.err

    stage.gromit("env", "unpark", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.phase(name) == "ready"
    assert stage.look(name)["versions"]["alpha"]["version"] == newest.sha
    assert stage.running("alpha", name, public=True) == newest.sha
