"""The page of the take-over, walked: from a world of gromit v1 to the end, and back."""

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from gromit.core.names import environment_name, reaping_name
from gromit.local.cloud import variables
from tests.e2e.stage import Stage
from tests.e2e.v1_world import EDITED, V1World, answering, v1_installation
from tests.waiting import PATIENCE_S, wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture
def world(install: Callable[..., Stage]) -> Iterator[V1World]:
    with v1_installation(install(GROMIT_REAP_GRACE="0")) as made:
        yield made


def _migrate(stage: Stage, *arguments: str) -> dict[str, str]:
    """Return the actions of a migration on rows, records and states, by name."""
    lines = stage.gromit("migrate", *arguments, "-o", "json").json
    kinds = {"row", "record", "state"}
    return {line["name"]: line["action"] for line in lines if line["what"] in kinds}


def _start_gateway(stage: Stage) -> None:
    own = {"GROMIT_TABLENAME": stage.name, "GROMIT_LOG_FORMAT": "json"}
    place, facts = stage.ground.place, stage.facts
    environ = variables.gateway_variables(stage.ground.environ, place, facts) | own
    stage.launch("gromit", ["gateway"], environ)
    url = f"{facts.url('gateway')}/healthcheck"

    def answers() -> bool:
        try:
            return httpx2.get(url, trust_env=False, timeout=PATIENCE_S).status_code == 200
        except httpx2.HTTPError:
            return False

    wait_for("the gateway", answers, 60)


def _report(stage: Stage, token: str, ref: str, sha: str) -> httpx2.Response:
    """Report a build as the workflows of gromit v1 do: JSON under curl's type of a form."""
    return httpx2.post(
        f"{stage.facts.url('gateway')}/gromit/newbuild",
        content=json.dumps({"repo": "Org/alpha", "ref": ref, "sha": sha}),
        headers={"Authorization": token, "Content-Type": "application/x-www-form-urlencoded"},
        trust_env=False,
        timeout=30,
    )


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_world_of_v1_is_taken_over_and_nothing_of_it_is_lost(world: V1World) -> None:
    stage = world.stage
    runs, gone, odd = stage.env("runs"), stage.env("gone"), f"TT_{stage.name}"
    first = stage.push("alpha", runs)
    world.row(runs, "processed", alpha=first.sha, beta="master")
    world.row(gone, "deleted", alpha="sha-2", beta="master")
    world.row("release-300", "deleted", alpha="sha-3", beta="master")
    world.row(odd, "processed", alpha=first.sha, beta="master")
    for name in (runs, odd):
        world.run(name, first.sha)
    # gromit has one environment for both names, and DNS has one record.
    second = world.row(odd.lower(), "processed", alpha=first.sha, beta="master")
    world.run(second, first.sha, published=False)
    with answering(world, runs, first.sha), answering(world, odd, first.sha):
        flat = _walk(world, runs, gone, odd)
    _live_on(world, runs, flat)
    assert stage.services(second) == [], "reaped in the pass before"
    assert stage.state(reaping_name(second)) is None
    _live_under_another_name(world, odd, first.sha)


def _walk(world: V1World, runs: str, gone: str, odd: str) -> dict[str, str]:
    """Follow the page, up to the first pass over the records; return what clients see."""
    stage, before = world.stage, world.table()

    # The plan changes nothing, and the way there and back leaves every row as it was.
    plan = _migrate(stage)
    assert world.table() == before == world.rows
    assert (plan[runs], plan[gone], plan["release-300"]) == (
        "would convert",
        "would convert",
        "left alone",
    )
    assert plan[odd] == "would adopt"
    left = {f"alpha.{odd.lower()}.{world.stage.facts.domain}", f"env:/{odd}/devenv"}
    assert {plan[old] for old in left} == {"left alone"}
    _migrate(stage, "--apply")
    assert _migrate(stage, "--back")[runs] == "would return"
    _migrate(stage, "--back", "--apply")
    back = world.table()
    assert {name: row for name, row in back.items() if name in before} | {
        odd: before[odd]
    } == before

    # To the end. A second time there is nothing left.
    assert _migrate(stage, "--apply")[odd.lower()] == "left alone"
    assert _migrate(stage, "--apply", "--reap", odd.lower())[odd.lower()] == "adopted"
    assert stage.state(odd.lower()) is None, "set aside, because reap uses a copy"
    done = _migrate(stage, "--apply")
    assert set(done.values()) <= {"left alone"}

    # The client of gromit v1 sees what it saw, and its command lines work.
    stage.serve()
    flat = {"name": runs, **before[runs]}
    assert stage.api.get(f"/env/{runs}") == flat
    assert stage.gromit("env", "-e", runs, "-l", "error").json == flat
    stage.gromit("-l", "trace", "chitragupta", stage.root)
    planned = {
        i["name"]: i["action"]
        for i in stage.gromit("sow", stage.root, "--dry-run", "-o", "json").json
    }
    assert "release-300" not in planned, "a deleted release stays deleted"
    return flat


def _live_on(world: V1World, runs: str, flat: dict[str, str]) -> None:
    """Let a workflow of gromit v1 report a build and the end of its branch."""
    stage = world.stage

    # Its workflow reports a build through the gateway, and sow takes the state over.
    verbs = ("--verb", "newbuild", "--verb", "delete")
    token = stage.gromit("token", "new", "--repo", "alpha", *verbs, "-o", "json").json["token"]
    _start_gateway(stage)
    second = stage.push("alpha", runs)
    reported = _report(stage, token, f"refs/heads/{runs}", second.sha)
    assert (reported.status_code, reported.json()) == (
        200,
        {**flat, "state": "new", "alpha": second.sha},
    )
    assert stage.work("sow").endings[runs] == "done"
    stage.work("chitragupta")
    assert world.answer(runs) == second.sha
    assert world.config(runs) == EDITED, "an edited file is kept"
    assert stage.phase(runs) == "ready"
    assert _migrate(stage, "--back")[runs] == "left alone"

    # The end of the branch, twice, as a workflow that runs again.
    for _ in range(2):
        url = f"{stage.facts.url('gateway')}/gromit/env/{runs}"
        answer = httpx2.delete(url, headers={"Authorization": token}, trust_env=False, timeout=30)
        assert (answer.status_code, answer.text) == (202, "ok")
    assert stage.work("reap").endings[runs] == "done"
    assert stage.records(runs) == {}
    assert stage.services(runs) == []


def _live_under_another_name(world: V1World, odd: str, version: str) -> None:
    """See what sow, in the pass before, has made of an environment that gromit calls otherwise."""
    stage, name = world.stage, environment_name(odd)
    assert stage.phase(name) == "ready"
    assert world.answer(name) == version
    assert stage.services(name) == ["alpha", "beta"]
    assert stage.services(odd) == []

    # Now nothing answers at its old record, and nothing uses its old state.
    left = {f"alpha.{odd.lower()}.{stage.facts.domain}", f"env:/{odd}/devenv"}
    planned = _migrate(stage)
    assert {planned[old] for old in left} == {"would remove", "would set aside"}
    assert stage.records(odd.lower()) != {}
    _migrate(stage, "--apply")
    assert stage.records(odd.lower()) == {}
    assert stage.state(odd) is None
    assert not left & _migrate(stage, "--apply").keys()

    # Its end leaves nothing under either name.
    stage.delete(name)
    assert stage.work("reap").endings[name] == "done"
    assert (stage.services(name), stage.state(name), stage.records(name)) == ([], None, {})
