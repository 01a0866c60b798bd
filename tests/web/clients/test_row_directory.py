"""The port `RowDirectory`: the fake on serve's services, and a client of a real serve."""

from collections.abc import Mapping
from typing import Any, Protocol

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.phases import Work
from gromit.errors import Conflict, GromitError
from gromit.ports.inventory import RowDirectory
from gromit.web.clients.environments import ServeEnvironments
from gromit.web.clients.row_directory import ServeRows
from tests.fakes.inventory import FakeRows
from tests.services.registry import Registry
from tests.web.serving import Serve


class World(Protocol):
    """A serve, whatever it is made of."""

    rows: RowDirectory

    def report(self, name: str) -> None:
        """Report a build."""
        ...

    def claim(self) -> None:
        """Let a worker claim the oldest work of sow."""
        ...

    def damage(self, name: str) -> None:
        """Let a person make a row unreadable."""
        ...

    def row(self, name: str) -> Mapping[str, Any] | None:
        """Return a row of the table."""
        ...

    def let_time_pass(self) -> None:
        """Let serve's clock go on."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.registry = Registry()
        self.rows: RowDirectory = FakeRows(self.registry)

    def report(self, name: str) -> None:
        self.registry.images.push("tyk", "sha")
        self.registry.report("tyk", "sha", name)

    def claim(self) -> None:
        self.registry.leases.claim(Work.SOW, Claimant("w", "n"), self.registry.now_ms)

    def damage(self, name: str) -> None:
        self.registry.store.put({**(self.row(name) or {}), "want": "maybe"})

    def row(self, name: str) -> Mapping[str, Any] | None:
        return self.registry.store.read(name)

    def let_time_pass(self) -> None:
        self.registry.now_ms += 60_000


class _Serve:
    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.rows: RowDirectory = ServeRows(serve.serve_client())

    def report(self, name: str) -> None:
        self.serve.build("tyk", name, "sha")

    def claim(self) -> None:
        self.serve.claim("sow")

    def damage(self, name: str) -> None:
        self.serve.damage(name)

    def row(self, name: str) -> Mapping[str, Any] | None:
        return self.serve.rows.get(name)

    def let_time_pass(self) -> None:
        self.serve.clock.advance(s=60)


@pytest.fixture(params=["fake", "serve"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return _Fake()
    return _Serve(request.getfixturevalue("serve"))


def test_all_rows_are_listed_and_each_is_found(world: World) -> None:
    for name in ("one", "two", "three"):
        world.report(name)
    world.damage("two")
    listing = world.rows.listing()
    assert {row.name for row in listing.rows} == {"one", "three"}
    assert listing.unreadable == {"two"}
    one = next(row for row in listing.rows if row.name == "one")
    assert one == world.rows.find("one")
    assert (one.phase, one.is_desired, one.is_scheduled) == ("pending", True, True)
    assert (one.is_settled, one.is_tombstone, one.protected) == (False, False, False)
    assert one.versions["tyk"] == "sha"
    assert world.rows.find("never") is None
    with pytest.raises(GromitError, match="cannot be read"):
        world.rows.find("two")


def test_a_row_of_gromit_v1_is_not_taken_for_a_damaged_one(serve: Serve) -> None:
    serve.put_row(name="app", state="processed", tyk="x")
    serve.put_row(name="release-3", state="deleted")
    serve.build("tyk", "two", "sha")
    serve.damage("two", "made")
    client = serve.serve_client()
    assert ServeRows(client).listing().unreadable == {"two"}
    assert ServeEnvironments(client).environments() == {"two": None}


def test_rows_of_gromit_v1_are_lines_of_every_list_but_tombstones_only_of_all(
    serve: Serve,
) -> None:
    serve.put_row(name="TT-1234_fix", state="processed")
    serve.put_row(name="release-3", state="deleted")
    assert serve.get("/v1/environments")["unreadable"] == ["TT-1234_fix"]
    found = serve.get("/v1/environments", phase="all")
    assert sorted(found["unreadable"]) == ["TT-1234_fix", "release-3"]
    errors = {row["name"]: row["error"] for row in found["set_aside"]}
    assert errors["TT-1234_fix"]["message"] == "the row of TT-1234_fix is from gromit v1"
    assert "--keep release-3" in errors["release-3"]["hint"]
    answer = serve.send("GET", "/env/TT-1234_fix")
    assert answer.status_code == 409
    assert "gromit migrate --apply" in answer.json()["error"]
    answer = serve.send("POST", "/newbuild", {"repo": "tyk", "ref": "TT-1234_fix", "sha": "s"})
    assert (answer.status_code, set(serve.rows)) == (409, {"TT-1234_fix", "release-3"})


def test_every_change_of_a_row_changes_its_fingerprint(world: World) -> None:
    world.report("one")
    seen = [world.rows.find("one")]
    world.claim()
    seen.append(world.rows.find("one"))
    world.rows.redeploy("one")
    seen.append(world.rows.find("one"))
    fingerprints = [row.fingerprint for row in seen if row]
    assert len(set(fingerprints)) == len(seen)
    assert seen[1] is not None
    assert seen[1].lease_until_ms is not None
    assert (seen[1].phase, seen[1].is_settled) == ("sowing", False)


def test_a_repair_prolongs_no_life(world: World) -> None:
    world.report("one")
    before = world.row("one")
    world.let_time_pass()
    world.rows.redeploy("one")
    world.rows.retry("one")
    after = world.row("one")
    assert before is not None
    assert after is not None
    assert after["generation"] > before["generation"]
    assert after["touched"] == before["touched"]


def test_what_is_due_may_be_retried_and_a_worker_is_not_disturbed(world: World) -> None:
    world.report("one")
    world.rows.retry("one")
    world.claim()
    with pytest.raises(Conflict):
        world.rows.retry("one")


def test_leftovers_get_a_row_that_is_desired_gone(world: World) -> None:
    world.rows.reap("lone")
    found = world.rows.find("lone")
    assert found is not None
    assert (found.phase, found.is_desired, found.is_scheduled) == ("deleting", False, True)
    world.report("one")
    with pytest.raises(Conflict):
        world.rows.reap("one")


def test_a_suspension_is_shown_with_and_without_a_row(serve: Serve) -> None:
    rows = ServeRows(serve.serve_client())
    serve.build("tyk", "one", "sha")
    assert rows.suspension("one") is rows.suspension("lone") is None
    one = {"scope": "environment", "target": "one", "reason": "a look", "for_s": 600}
    assert serve.send("POST", "/v1/suspensions", one).status_code == 200
    assert "a look" in str(rows.suspension("one"))
    assert rows.suspension("lone") is None
    everything = {"scope": "all", "reason": "a storm", "for_s": 600}
    assert serve.send("POST", "/v1/suspensions", everything).status_code == 200
    assert "a storm" in str(rows.suspension("lone"))
