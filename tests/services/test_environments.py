"""Requests of clients, and their results."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment, RepositoryVersion, Source
from gromit.core.environments.expiry import TOUCHED_MS
from gromit.core.environments.failures import Failure
from gromit.core.environments.history import HISTORY_MAX, TOMBSTONE_MS
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.names import environment_name
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.errors import (
    BackendError,
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
    Temporary,
    TrustError,
)
from gromit.services.leases import NoWorkAvailable
from gromit.services.reporting import BuildResult
from tests.services.registry import GRACE_MS, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def claim(registry: Registry, kind: Work = Work.SOW) -> Environment:
    found = registry.leases.claim(kind, Claimant("w", f"n{registry.now_ms}"), registry.now_ms)
    assert isinstance(found, Environment)
    return found


def finish(registry: Registry, claimed: Environment, kind: Work = Work.SOW) -> Environment:
    fence = Fence("w", claimed.epoch)
    if kind is Work.SOW:
        return registry.leases.sown(claimed.name, fence, "n", MadeStack("h"), registry.stamp())
    return registry.leases.reaped(claimed.name, fence, "n", registry.stamp())


def fail(registry: Registry, claimed: Environment) -> None:
    registry.leases.failed(
        claimed.name, Fence("w", claimed.epoch), Failure("terraform", "no", registry.now_ms)
    )


def bring(registry: Registry, phase: Phase) -> None:
    """Bring `app-test`, with a build of tyk, into a phase."""
    registry.report()
    if phase is Phase.PENDING:
        return
    claimed = claim(registry)
    if phase is Phase.SOWING:
        return
    if phase is Phase.FAILED:
        fail(registry, claimed)
        return
    finish(registry, claimed)
    if phase is Phase.READY:
        return
    registry.environments.delete("app-test", registry.stamp())
    if phase is Phase.DELETING:
        return
    registry.now_ms += GRACE_MS
    claimed = claim(registry, Work.REAP)
    if phase is Phase.GONE:
        finish(registry, claimed, Work.REAP)


# ── a first build ─────────────────────────────────────────────────────────────────────────────────


def test_a_first_build_makes_an_environment_with_one_write_and_one_look_at_the_registry(
    registry: Registry,
) -> None:
    receipt, environment = registry.report(version="sha-1", sequence=3)
    assert receipt is BuildResult.ACCEPTED
    assert (environment.phase(registry.now_ms), environment.incarnation) == (
        Phase.PENDING,
        "incarnation-1",
    )
    assert (registry.store.writes, len(registry.images.asked)) == (1, 1)
    assert registry.announcer.heard == [("app-test", "created")]


def test_other_repositories_get_the_branchs_tag_as_reported_else_the_names_else_the_default(
    registry: Registry,
) -> None:
    registry.images.push("tyk-analytics", "Release-3.1.0")
    registry.images.push("tyk-analytics", "release-310")
    registry.images.push("tyk-pump", "release-310")
    _, environment = registry.report(ref="refs/heads/Release-3.1.0")
    assert environment.name == "release-310"
    assert environment.versions == {
        "tyk": RepositoryVersion("sha-1", Source.REPORTED, ref="Release-3.1.0"),
        "tyk-analytics": RepositoryVersion("Release-3.1.0", Source.BRANCH),
        "tyk-pump": RepositoryVersion("release-310", Source.BRANCH),
        "tyk-docs": RepositoryVersion("master", Source.DEFAULT),
    }


def test_without_a_branch_elsewhere_others_get_their_own_default(registry: Registry) -> None:
    registry.report()
    assert registry.versions() == {
        "tyk": "sha-1",
        "tyk-analytics": "master",
        "tyk-pump": "main",
        "tyk-docs": "master",
    }


def test_a_ref_that_is_no_tag_is_not_looked_for_in_the_registry(registry: Registry) -> None:
    registry.report(ref="naïve+x")
    name = environment_name("naïve+x")
    assert registry.images.asked == [
        frozenset({("tyk-analytics", name), ("tyk-pump", name), ("tyk-docs", name)})
    ]


def test_a_repository_outside_the_catalogue_is_refused_and_nothing_changed(
    registry: Registry,
) -> None:
    with pytest.raises(InvalidInput, match="is not part of any environment"):
        registry.report(repository="unknown")
    assert registry.store.writes == 0


def test_a_repository_that_is_only_known_is_kept(registry: Registry) -> None:
    assert registry.report(repository="tyk-docs", version="d-1")[0] is BuildResult.ACCEPTED
    assert registry.versions()["tyk-docs"] == "d-1"


@pytest.mark.parametrize(
    ("ref", "protected"),
    [("master", True), ("release-3.1.0", True), ("app-test", False), ("x-master", False)],
)
def test_names_that_fit_a_pattern_are_protected_from_the_beginning(
    registry: Registry, ref: str, protected: bool
) -> None:
    assert registry.report(ref=ref)[1].protected is protected
    name = registry.environments.put("release-9", {}, registry.stamp())
    assert name.protected


# ── more builds ───────────────────────────────────────────────────────────────────────────────────


def test_a_newer_build_is_one_write_and_one_look_at_the_registry_for_those_that_reported_nothing(
    registry: Registry,
) -> None:
    registry.report()
    registry.store.writes, registry.images.asked = 0, []
    assert registry.report(version="sha-2")[0] is BuildResult.ACCEPTED
    assert registry.report("tyk-pump", "p-1")[0] is BuildResult.ACCEPTED
    assert registry.store.writes == 2
    others = {(r, "app-test") for r in ("tyk-analytics", "tyk-docs")}
    assert registry.images.asked == [others | {("tyk-pump", "app-test")}, others]
    assert registry.versions() == {
        "tyk": "sha-2",
        "tyk-analytics": "master",
        "tyk-pump": "p-1",
        "tyk-docs": "master",
    }


def test_with_a_newer_build_others_get_what_their_registries_hold_now(registry: Registry) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report()
    registry.images.remove("tyk-pump", "app-test")
    registry.images.push("tyk-analytics", "app-test")
    _, environment = registry.report(version="sha-2")
    assert environment.versions["tyk-pump"] == RepositoryVersion("main", Source.DEFAULT)
    assert environment.versions["tyk-analytics"] == RepositoryVersion("app-test", Source.BRANCH)
    assert environment.generation == 2


def test_a_registry_that_does_not_answer_does_not_hold_up_a_newer_build(registry: Registry) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report()
    registry.images.problem = Temporary("throttled")
    with capture_logs() as lines:
        assert registry.report(version="sha-2")[0] is BuildResult.ACCEPTED
    assert registry.versions()["tyk-pump"] == "app-test"
    assert [line["reason"] for line in lines if line["event"] == "fallbacks.kept"] == ["throttled"]


@pytest.mark.parametrize("problem", [Temporary("throttled"), Denied("may not describe images")])
def test_a_registry_that_does_not_answer_does_not_hold_up_a_new_environment(
    registry: Registry, problem: BackendError
) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.images.problem = problem
    with capture_logs() as lines:
        assert registry.report()[0] is BuildResult.ACCEPTED
    (line,) = (line for line in lines if line["event"] == "fallbacks.defaults")
    assert (line["env"], line["reason"]) == ("app-test", problem.message)
    assert registry.versions()["tyk-pump"] == "main"
    registry.images.problem = None
    registry.report(version="sha-2")
    assert registry.versions()["tyk-pump"] == "app-test", "the next build finds the image"


def test_a_deletion_that_is_repeated_changes_nothing(registry: Registry) -> None:
    """A workflow that runs again must not end red: gromit v1 answered 202 each time."""
    registry.report("tyk-pump", "p-1")
    registry.report("tyk", "sha-1")
    registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    before = registry.store.read("app-test")
    for ref in ("app-test", "refs/heads/app-test"):
        registry.environments.retire(ref, "tyk-pump", registry.stamp())
    assert registry.store.read("app-test") == before
    with pytest.raises(TrustError, match="tyk-analytics has no reported version"):
        registry.environments.retire("app-test", "tyk-analytics", registry.stamp())
    registry.report("tyk-pump", "p-2")
    registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    assert registry.versions()["tyk-pump"] == "main"


def test_what_is_retired_does_not_come_back_with_a_newer_build_of_another(
    registry: Registry,
) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report("tyk-pump", "p-1")
    registry.report("tyk", "sha-1")
    registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    _, environment = registry.report("tyk", "sha-2")
    assert environment.versions["tyk-pump"] == RepositoryVersion("main", Source.DEFAULT)


def test_what_is_retired_while_a_build_is_looked_at_stays_retired(registry: Registry) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report("tyk-pump", "p-1")
    registry.report("tyk", "sha-1")
    registry.images.push("tyk-analytics", "app-test")
    registry.store.meddling = [
        lambda: registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    ]
    _, environment = registry.report("tyk", "sha-2")
    assert environment.versions["tyk-pump"] == RepositoryVersion("main", Source.DEFAULT)
    assert environment.versions["tyk-analytics"] == RepositoryVersion("app-test", Source.BRANCH)


def test_another_try_and_a_redeployment_look_at_the_registries_too(registry: Registry) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.images.push("tyk-analytics", "app-test")
    registry.report()
    fail(registry, claim(registry, Work.SOW))
    registry.images.remove("tyk-pump", "app-test")
    receipt, environment = registry.report()
    assert (receipt, environment.generation, environment.attempts) == (BuildResult.RETRIED, 2, 0)
    assert environment.versions["tyk-pump"] == RepositoryVersion("main", Source.DEFAULT)
    registry.images.remove("tyk-analytics", "app-test")
    environment = registry.environments.redeploy("app-test", "tyk", registry.stamp())
    assert environment.versions["tyk-analytics"] == RepositoryVersion("master", Source.DEFAULT)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SOWING, Phase.READY])
def test_a_build_that_says_nothing_new_changes_nothing(registry: Registry, phase: Phase) -> None:
    bring(registry, phase)
    before = registry.store.read("app-test")
    receipt, environment = registry.report()
    assert (receipt, environment.phase(registry.now_ms)) == (BuildResult.DUPLICATE, phase)
    assert registry.store.read("app-test") == before


def test_a_build_that_is_reported_again_replaces_its_fallback(registry: Registry) -> None:
    """Its image was gone, and the build has pushed it again."""
    registry.report(version="sha-1")
    claimed = claim(registry)
    gone = MadeComponent(name="tyk", version="master", repository="tyk", gone="sha-1")
    components = (gone, MadeComponent(name="redis", version="7"))
    made = MadeStack("h", components=components, program="opentofu 1.10.10")
    fence = Fence("w", claimed.epoch)
    sown = registry.leases.sown("app-test", fence, "n", made, registry.stamp())
    assert [e.text for e in sown.events if e.kind == "sown"] == [
        "tyk=master in 0s; image tyk:sha-1 is gone: master runs instead; opentofu 1.10.10"
    ]
    receipt, environment = registry.report(version="sha-1")
    assert receipt is BuildResult.RETRIED
    assert environment.phase(registry.now_ms) is Phase.PENDING
    assert environment.redeploys == {"tyk": str(registry.now_ms)}
    assert claim(registry).name == "app-test"


def test_a_build_that_says_nothing_new_makes_a_failed_environment_due_now(
    registry: Registry,
) -> None:
    bring(registry, Phase.FAILED)
    assert isinstance(
        registry.leases.claim(Work.SOW, Claimant("w", "n"), registry.now_ms), NoWorkAvailable
    )
    receipt, environment = registry.report()
    assert (receipt, environment.due_ms, environment.generation) == (
        BuildResult.RETRIED,
        registry.now_ms,
        1,
    )
    assert claim(registry).name == "app-test"


@pytest.mark.parametrize(
    ("sequence", "receipt"),
    [
        (5, BuildResult.RETRIED),
        (6, BuildResult.RETRIED),
        (None, BuildResult.RETRIED),
        (4, BuildResult.DUPLICATE),
    ],
)
def test_the_newest_build_of_a_failed_environment_is_tried_again_when_its_job_is(
    registry: Registry, sequence: int | None, receipt: BuildResult
) -> None:
    registry.report(sequence=5)
    claimed = claim(registry)
    registry.leases.failed(
        "app-test", Fence("w", claimed.epoch), Failure("terraform", "no", registry.now_ms)
    )
    assert registry.report(sequence=sequence)[0] is receipt


def test_a_newer_sequence_of_the_same_version_is_remembered(registry: Registry) -> None:
    registry.report(version="sha-1", sequence=5)
    assert registry.report(version="sha-1", sequence=8)[0] is BuildResult.DUPLICATE
    assert registry.report(version="sha-0", sequence=7)[0] is BuildResult.STALE
    assert (registry.versions()["tyk"], registry.environments.get("app-test").generation) == (
        "sha-1",
        1,
    )


@pytest.mark.parametrize(
    ("version", "sequence", "receipt"),
    [
        ("sha-5", 5, BuildResult.DUPLICATE),
        ("sha-5", 4, BuildResult.DUPLICATE),
        ("sha-4", 4, BuildResult.STALE),
        ("sha-9", 5, BuildResult.STALE),
        ("sha-6", 6, BuildResult.ACCEPTED),
        ("sha-6", None, BuildResult.ACCEPTED),
        ("sha-5", None, BuildResult.DUPLICATE),
    ],
)
def test_replays_and_older_builds_change_nothing_and_say_so(
    registry: Registry, version: str, sequence: int | None, receipt: BuildResult
) -> None:
    registry.report(version="sha-5", sequence=5)
    assert registry.report(version=version, sequence=sequence)[0] is receipt
    assert registry.versions()["tyk"] == (version if receipt is BuildResult.ACCEPTED else "sha-5")


@pytest.mark.parametrize("sequence", [None, 5, 4])
def test_a_build_delivered_twice_writes_nothing_the_second_time(
    registry: Registry, sequence: int | None
) -> None:
    registry.report(sequence=5)
    registry.store.writes = 0
    registry.report(sequence=sequence)
    assert (registry.store.writes, len(registry.images.asked)) == (0, 1)
    registry.now_ms += TOUCHED_MS
    registry.report(sequence=sequence)
    # The write is the activity, from which the idle time counts.
    assert (registry.store.writes, len(registry.images.asked)) == (1, 1)


def test_a_second_ref_of_the_same_repository_is_a_conflict_that_names_the_first(
    registry: Registry,
) -> None:
    registry.report(ref="integration/app-test")
    with pytest.raises(
        Conflict, match="tyk already has 'integration/app-test' in environment app-test"
    ) as refused:
        registry.report(version="sha-2", ref="feature/app-test")
    assert "feature/app-test" in (refused.value.hint or "")
    with pytest.raises(Conflict):
        registry.report(version="sha-1", ref="feature/app-test")
    assert registry.versions()["tyk"] == "sha-1"


def test_the_same_branch_of_another_repository_may_have_another_full_ref(
    registry: Registry,
) -> None:
    registry.report(ref="integration/app-test")
    assert registry.report("tyk-pump", "p-1", ref="app-test")[0] is BuildResult.ACCEPTED


def test_a_second_ref_is_welcome_once_the_first_ones_part_is_retired(registry: Registry) -> None:
    registry.report(ref="integration/app-test")
    registry.report("tyk-pump", "p-1")
    registry.environments.retire("app-test", "tyk", registry.stamp())
    assert registry.report(version="sha-2", ref="feature/app-test")[0] is BuildResult.ACCEPTED


@pytest.mark.parametrize("phase", [Phase.DELETING, Phase.REAPING])
def test_a_build_revives_what_is_deleted_or_being_reaped(registry: Registry, phase: Phase) -> None:
    bring(registry, phase)
    receipt, environment = registry.report(version="sha-2")
    assert (receipt, environment.want, environment.incarnation) == (
        BuildResult.ACCEPTED,
        Want.UP,
        "incarnation-1",
    )


def test_even_the_same_build_revives_what_is_deleted(registry: Registry) -> None:
    bring(registry, Phase.DELETING)
    assert registry.report()[0] is BuildResult.ACCEPTED
    assert registry.phase() is Phase.PENDING


def test_an_older_build_does_not_revive(registry: Registry) -> None:
    registry.report(version="sha-5", sequence=5)
    registry.environments.delete("app-test", registry.stamp())
    assert registry.report(version="sha-4", sequence=4)[0] is BuildResult.STALE
    assert registry.report(version="sha-5", sequence=5)[0] is BuildResult.DUPLICATE
    assert registry.phase() is Phase.DELETING


def test_a_build_for_a_tombstone_starts_a_new_incarnation_that_keeps_the_sequences(
    registry: Registry,
) -> None:
    registry.report(sequence=5)
    registry.report("tyk-pump", "p-7", sequence=7)
    finish(registry, claim(registry))
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    finish(registry, claim(registry, Work.REAP), Work.REAP)
    assert registry.report(version="sha-4", sequence=4)[0] is BuildResult.STALE
    assert registry.phase() is Phase.GONE
    receipt, environment = registry.report(version="sha-6", sequence=6)
    assert (receipt, environment.incarnation, environment.phase(registry.now_ms)) == (
        BuildResult.ACCEPTED,
        "incarnation-2",
        Phase.PENDING,
    )
    assert registry.versions() == {
        "tyk": "sha-6",
        "tyk-analytics": "master",
        "tyk-pump": "main",
        "tyk-docs": "master",
    }
    assert registry.report("tyk-pump", "p-6", sequence=6)[0] is BuildResult.STALE
    assert registry.report("tyk-pump", "p-8", sequence=8)[0] is BuildResult.ACCEPTED


REPOSITORIES = ("tyk", "tyk-pump")


def _die_with_images(registry: Registry) -> None:
    """Two repositories build a branch, it is deleted, and the registries keep its images."""
    for repository in REPOSITORIES:
        registry.images.push(repository, "app-test")
        registry.report(repository, "old", sequence=1)
    _die(registry)


def _die(registry: Registry) -> None:
    finish(registry, claim(registry))
    registry.now_ms += 1000
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    finish(registry, claim(registry, Work.REAP), Work.REAP)
    registry.now_ms += 1000
    registry.images.now_ms = registry.now_ms


DEFAULTS = {"tyk": "master", "tyk-analytics": "master", "tyk-pump": "main", "tyk-docs": "master"}


@pytest.mark.parametrize("first", REPOSITORIES)
def test_a_reborn_branch_takes_no_image_that_the_deleted_one_left(
    registry: Registry, first: str
) -> None:
    _die_with_images(registry)
    (second,) = set(REPOSITORIES) - {first}
    registry.report(first, "new", sequence=2)
    assert registry.versions() == {**DEFAULTS, first: "new"}
    # Neither does anything that looks up the fallbacks again.
    registry.report(first, "newer", sequence=3)
    fail(registry, claim(registry, Work.SOW))
    assert registry.report(first, "newer", sequence=3)[0] is BuildResult.RETRIED
    registry.environments.redeploy("app-test", None, registry.stamp())
    registry.environments.put("app-test", {first: "given"}, registry.stamp())
    assert registry.versions() == {**DEFAULTS, first: "given"}
    registry.report(second, "new", sequence=2)
    assert registry.versions() == {**DEFAULTS, first: "given", second: "new"}


@pytest.mark.parametrize("first", REPOSITORIES)
def test_a_reborn_branch_takes_the_images_that_are_pushed_in_its_own_life(
    registry: Registry, first: str
) -> None:
    _die_with_images(registry)
    (second,) = set(REPOSITORIES) - {first}
    registry.report(first, "new", sequence=2)
    registry.images.push(second, "app-test", "built in this life")
    registry.report(first, "newer", sequence=3)
    assert registry.versions() == {**DEFAULTS, first: "newer", second: "app-test"}


def test_put_brings_a_dead_branch_back_without_its_images(registry: Registry) -> None:
    _die_with_images(registry)
    registry.environments.put("app-test", {}, registry.stamp())
    assert registry.versions() == DEFAULTS


def test_an_image_that_was_pushed_while_the_branch_was_deleted_counts(registry: Registry) -> None:
    registry.report()
    finish(registry, claim(registry))
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    registry.images.now_ms = registry.now_ms - 1
    registry.images.push("tyk-pump", "app-test")
    finish(registry, claim(registry, Work.REAP), Work.REAP)
    registry.report(version="sha-2")
    assert registry.versions()["tyk-pump"] == "app-test"


def test_a_third_life_takes_no_image_of_the_second(registry: Registry) -> None:
    _die_with_images(registry)
    registry.report("tyk", "new", sequence=2)
    registry.images.push("tyk-pump", "app-test", "of the second life")
    _die(registry)
    registry.report("tyk", "newest", sequence=3)
    assert registry.versions() == {**DEFAULTS, "tyk": "newest"}


def test_a_second_life_that_is_revived_takes_no_image_of_the_first(registry: Registry) -> None:
    _die_with_images(registry)
    registry.report("tyk", "new", sequence=2)
    registry.now_ms += 1000
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += 1000
    registry.report("tyk", "newest", sequence=3)
    assert registry.versions() == {**DEFAULTS, "tyk": "newest"}


def test_a_tombstone_of_an_older_release_counts_from_its_end(registry: Registry) -> None:
    _die_with_images(registry)
    row = {**registry.store.read("app-test")}  # type: ignore[dict-item]
    del row["deleted_at"]
    registry.store.put(row)
    registry.report("tyk", "new", sequence=2)
    assert registry.versions() == {**DEFAULTS, "tyk": "new"}


def test_within_the_grace_a_build_revives_an_environment_with_its_images(
    registry: Registry,
) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report()
    registry.now_ms += 1000
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += 1000
    registry.report(version="sha-2")
    assert registry.versions()["tyk-pump"] == "app-test"


def test_a_branch_that_was_never_deleted_costs_no_question_about_pushes(
    registry: Registry,
) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report()
    registry.report(version="sha-2")
    assert registry.images.dated == []
    _die(registry)
    registry.report(version="sha-3", sequence=3)
    assert registry.images.dated == [frozenset({("tyk-pump", "app-test")})]


def test_another_ref_may_start_the_new_incarnation(registry: Registry) -> None:
    bring(registry, Phase.GONE)
    assert registry.report(version="sha-2", ref="other/app-test")[0] is BuildResult.ACCEPTED
    assert registry.environments.get("app-test").versions["tyk"].ref == "other/app-test"


# ── builds that meet others ───────────────────────────────────────────────────────────────────────


def test_two_first_builds_at_once_are_both_in_the_environment(registry: Registry) -> None:
    registry.store.meddling = [lambda: registry.report("tyk-pump", "p-1")]
    assert registry.report("tyk", "sha-1")[0] is BuildResult.ACCEPTED
    assert (registry.versions()["tyk"], registry.versions()["tyk-pump"]) == ("sha-1", "p-1")
    assert registry.environments.get("app-test").incarnation == "incarnation-2"


def test_a_build_that_meets_the_end_of_a_reaping_is_not_lost(registry: Registry) -> None:
    bring(registry, Phase.REAPING)
    epoch = registry.environments.inspect("app-test").epoch

    def reaped() -> None:
        registry.leases.reaped("app-test", Fence("w", epoch), "n", registry.stamp())

    registry.store.meddling = [reaped]
    receipt, environment = registry.report(version="sha-2")
    assert (receipt, environment.phase(registry.now_ms)) == (BuildResult.ACCEPTED, Phase.PENDING)
    assert environment.observed == 0


def test_a_tombstone_that_another_build_replaces_at_once_takes_both(registry: Registry) -> None:
    bring(registry, Phase.GONE)
    registry.store.meddling = [lambda: registry.report("tyk-pump", "p-2")]
    registry.report("tyk", "sha-2")
    assert (registry.versions()["tyk"], registry.versions()["tyk-pump"]) == ("sha-2", "p-2")


def reborn(registry: Registry) -> Registry:
    """Let the row be of a second incarnation, which a replacement of versions has to read first."""
    row = dict(registry.store.read("app-test") or {})
    registry.store.put({**row, "images_since": 1})
    return registry


def busy(registry: Registry) -> None:
    """Change the row before each of the next writes."""

    def meddle() -> None:
        row = dict(registry.store.read("app-test") or {})
        registry.store.put({**row, "revision": row["revision"] + 1})

    registry.store.meddling = [meddle] * 100


@pytest.mark.parametrize(
    "change",
    [
        lambda r: reborn(r).environments.put("app-test", {"tyk": "x"}, r.stamp()),
        lambda r: r.environments.retire("app-test", "tyk", r.stamp()),
    ],
    ids=["put", "retire"],
)
def test_a_row_that_changes_under_every_attempt_is_a_passing_trouble(
    registry: Registry, change: Callable[[Registry], object]
) -> None:
    registry.report()
    busy(registry)
    with pytest.raises(Temporary, match="app-test is being changed"):
        change(registry)


def test_a_change_that_loses_once_is_made_on_what_is_there_now(registry: Registry) -> None:
    registry.report("tyk", "sha-1")
    registry.report("tyk-pump", "p-1")
    registry.store.meddling = [lambda: registry.report("tyk-analytics", "a-1")]
    registry.environments.retire("app-test", "tyk", registry.stamp())
    assert registry.environments.get("app-test").reported == {"tyk-pump", "tyk-analytics"}


# ── PUT and PATCH ─────────────────────────────────────────────────────────────────────────────────


def test_put_creates_with_what_is_given_and_fallbacks_for_the_rest(registry: Registry) -> None:
    registry.images.push("tyk-pump", "Feature-1.0")
    environment = registry.environments.put("Feature-1.0", {"tyk": "x"}, registry.stamp("op"))
    assert environment.name == "feature-10"
    assert {r: (v.version, v.source) for r, v in environment.versions.items()} == {
        "tyk": ("x", Source.REPORTED),
        "tyk-pump": ("Feature-1.0", Source.BRANCH),
        "tyk-analytics": ("master", Source.DEFAULT),
        "tyk-docs": ("master", Source.DEFAULT),
    }


def test_put_replaces_everything_that_was_reported(registry: Registry) -> None:
    registry.report("tyk", "sha-1", sequence=4)
    registry.report("tyk-pump", "p-1")
    environment = registry.environments.put("app-test", {"tyk-analytics": "a-1"}, registry.stamp())
    assert environment.reported == {"tyk-analytics"}
    assert registry.versions() == {
        "tyk": "master",
        "tyk-analytics": "a-1",
        "tyk-pump": "main",
        "tyk-docs": "master",
    }
    assert (environment.generation, environment.sequences) == (3, {"tyk": 4})
    assert registry.report(version="sha-2", ref="other/app-test")[0] is BuildResult.ACCEPTED


@pytest.mark.parametrize("phase", [Phase.DELETING, Phase.REAPING, Phase.GONE])
def test_put_brings_back_what_is_deleted_or_gone(registry: Registry, phase: Phase) -> None:
    bring(registry, phase)
    environment = registry.environments.put("app-test", {"tyk": "x"}, registry.stamp())
    assert environment.want is Want.UP
    assert environment.incarnation == ("incarnation-2" if phase is Phase.GONE else "incarnation-1")


def test_patch_merges_in_one_write(registry: Registry) -> None:
    registry.report("tyk", "sha-1")
    registry.store.writes = 0
    environment = registry.environments.patch("app-test", {"tyk-pump": "p-1"}, registry.stamp())
    assert registry.store.writes == 1
    assert environment.reported == {"tyk", "tyk-pump"}
    assert environment.phase(registry.now_ms) is Phase.PENDING


@pytest.mark.parametrize("asked", ["nowhere", "App-Test-Gone"])
def test_patch_and_get_and_delete_of_what_is_not_there_name_it_as_it_was_asked_for(
    registry: Registry, asked: str
) -> None:
    environments = registry.environments
    attempts: list[Callable[[], object]] = [
        lambda: environments.patch(asked, {"tyk": "x"}, registry.stamp()),
        lambda: environments.get(asked),
        lambda: environments.inspect(asked),
        lambda: environments.delete(asked, registry.stamp()),
        lambda: environments.retire(asked, "tyk", registry.stamp()),
        lambda: environments.protect(asked, protected=True, stamp=registry.stamp()),
        lambda: environments.redeploy(asked, None, registry.stamp()),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound, match=f"^could not find env {asked}$"):
            attempt()


def test_a_tombstone_is_not_found_but_can_be_inspected(registry: Registry) -> None:
    bring(registry, Phase.GONE)
    environments = registry.environments
    attempts: list[Callable[[], object]] = [
        lambda: environments.patch("app-test", {"tyk": "x"}, registry.stamp()),
        lambda: environments.get("app-test"),
        lambda: environments.delete("app-test", registry.stamp()),
        lambda: environments.retire("app-test", "tyk", registry.stamp()),
        lambda: environments.protect("app-test", protected=True, stamp=registry.stamp()),
        lambda: environments.redeploy("app-test", None, registry.stamp()),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert environments.inspect("app-test").phase(registry.now_ms) is Phase.GONE


@pytest.mark.parametrize("change", ["put", "patch"])
def test_versions_of_unknown_repositories_are_refused_and_nothing_changed(
    registry: Registry, change: str
) -> None:
    registry.report()
    before = registry.store.read("app-test")
    with pytest.raises(InvalidInput, match="unknown"):
        getattr(registry.environments, change)(
            "app-test", {"tyk": "x", "unknown": "y"}, registry.stamp()
        )
    assert registry.store.read("app-test") == before


# ── names in paths ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "asked",
    [
        "release-310",
        "release-3.1.0",
        "Release-3.1.0",
        "refs/heads/release-3.1.0",
        "refs%2Fheads%2Frelease-3.1.0",
    ],
)
def test_an_environment_is_found_by_its_name_and_by_its_ref(registry: Registry, asked: str) -> None:
    registry.report(ref="release-3.1.0")
    assert registry.environments.get(asked).name == "release-310"


def test_a_marked_name_is_found_as_it_is_and_by_its_ref(registry: Registry) -> None:
    registry.report(ref="feature_x")
    name = environment_name("feature_x")
    assert registry.environments.get(name).name == name
    assert registry.environments.get("feature_x").name == name
    registry.environments.delete(name, registry.stamp())
    assert registry.environments.get(name).want is Want.GONE


def test_a_name_that_only_looks_marked_is_mapped_like_a_ref(registry: Registry) -> None:
    asked = "fix-0123456789ab"
    registry.report(ref=asked)
    assert registry.environments.get(asked).name == environment_name(asked) != asked


# ── deletion and retirement ───────────────────────────────────────────────────────────────────────


def test_a_deletion_is_due_after_the_grace_and_a_second_one_does_not_prolong_it(
    registry: Registry,
) -> None:
    bring(registry, Phase.READY)
    registry.environments.delete("app-test", registry.stamp())
    due = registry.now_ms + GRACE_MS
    registry.now_ms += 1000
    registry.environments.delete("app-test", registry.stamp())
    environment = registry.environments.get("app-test")
    assert (environment.want, environment.due_ms, environment.generation) == (Want.GONE, due, 2)


def test_a_protected_environment_is_not_deleted_until_it_is_unprotected(registry: Registry) -> None:
    registry.report(ref="master")
    with pytest.raises(Conflict, match="master is protected"):
        registry.environments.delete("master", registry.stamp())
    with pytest.raises(Conflict, match="master is protected"):
        registry.environments.retire("master", "tyk", registry.stamp())
    assert registry.phase("master") is Phase.PENDING
    registry.environments.protect("master", protected=False, stamp=registry.stamp())
    registry.environments.delete("master", registry.stamp())
    assert registry.phase("master") is Phase.DELETING


def test_a_retired_part_falls_back_and_the_environment_stays(registry: Registry) -> None:
    registry.report("tyk", "sha-1")
    registry.report("tyk-pump", "p-1")
    registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    environment = registry.environments.get("app-test")
    assert environment.versions["tyk-pump"] == RepositoryVersion("main", Source.DEFAULT)
    assert (environment.want, environment.generation) == (Want.UP, 3)


def test_with_the_last_part_the_environment_is_deleted_after_its_grace(registry: Registry) -> None:
    registry.report("tyk", "sha-1")
    registry.report("tyk-pump", "p-1")
    registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    registry.environments.retire("app-test", "tyk", registry.stamp())
    environment = registry.environments.get("app-test")
    assert (environment.want, environment.due_ms) == (Want.GONE, registry.now_ms + GRACE_MS)
    registry.environments.retire(
        "app-test", "tyk", registry.stamp()
    )  # a second time changes nothing
    assert registry.environments.get("app-test").generation == environment.generation


def test_a_repository_without_a_reported_version_may_not_retire_anything(
    registry: Registry,
) -> None:
    registry.images.push("tyk-pump", "app-test")
    registry.report("tyk", "sha-1")
    for repository in ("tyk-pump", "tyk-analytics"):
        with pytest.raises(TrustError, match=f"{repository} has no reported version in app-test"):
            registry.environments.retire("app-test", repository, registry.stamp())
    assert registry.phase() is Phase.PENDING


@pytest.mark.parametrize(
    "ref",
    ["refs/heads/hotfix/x", "hotfix/x", "hotfix%2Fx", "refs%2Fheads%2Fhotfix%2Fx", "refs/heads/x"],
)
def test_the_deletion_of_a_branch_that_was_refused_leaves_the_one_that_has_the_name_alone(
    registry: Registry, ref: str
) -> None:
    registry.report(ref="refs/heads/feature/x")
    with pytest.raises(Conflict):
        registry.report(version="sha-2", ref="hotfix/x")
    with pytest.raises(
        TrustError,
        match=r"tyk has no reported version of '(hotfix/)?x' in x:"
        r" its version there is of 'feature/x'",
    ):
        registry.environments.retire(ref, "tyk", registry.stamp())
    assert registry.environments.get("x").want is Want.UP


@pytest.mark.parametrize("ref", ["x", "feature/x", "refs/heads/feature/x", "feature%2Fx"])
def test_a_branch_is_retired_by_its_ref_or_by_the_environments_name(
    registry: Registry, ref: str
) -> None:
    registry.report(ref="refs/heads/feature/x")
    registry.environments.retire(ref, "tyk", registry.stamp())
    assert registry.environments.get("x").want is Want.GONE


def test_what_was_set_without_a_ref_is_retired_by_any(registry: Registry) -> None:
    registry.environments.put("x", {"tyk": "sha-1"}, registry.stamp())
    registry.environments.retire("hotfix/x", "tyk", registry.stamp())
    assert registry.environments.get("x").want is Want.GONE


# ── /v1 ───────────────────────────────────────────────────────────────────────────────────────────


def test_protection_can_be_given_and_taken_and_the_same_again_changes_nothing(
    registry: Registry,
) -> None:
    registry.report()
    assert registry.environments.protect(
        "app-test", protected=True, stamp=registry.stamp()
    ).protected
    revision = registry.environments.get("app-test").revision
    assert (
        registry.environments.protect("app-test", protected=True, stamp=registry.stamp()).revision
        == revision
    )
    assert not registry.environments.protect(
        "app-test", protected=False, stamp=registry.stamp()
    ).protected


@pytest.mark.parametrize("phase", [Phase.DELETING, Phase.REAPING])
def test_what_is_deleted_can_be_neither_protected_nor_redeployed(
    registry: Registry, phase: Phase
) -> None:
    bring(registry, phase)
    with pytest.raises(Conflict, match="app-test is deleted"):
        registry.environments.protect("app-test", protected=True, stamp=registry.stamp())
    with pytest.raises(Conflict, match="app-test is deleted"):
        registry.environments.redeploy("app-test", None, registry.stamp())


def test_a_redeployment_marks_one_component_or_all(registry: Registry) -> None:
    bring(registry, Phase.READY)
    registry.environments.redeploy("app-test", "tyk", registry.stamp())
    assert registry.environments.get("app-test").redeploys == {"tyk": str(registry.now_ms)}
    registry.now_ms += 1
    registry.environments.redeploy("app-test", None, registry.stamp())
    assert set(registry.environments.get("app-test").redeploys.values()) == {str(registry.now_ms)}
    assert set(registry.environments.get("app-test").redeploys) == {
        "tyk",
        "tyk-analytics",
        "tyk-pump",
        "redis",
    }
    assert registry.phase() is Phase.PENDING
    with pytest.raises(InvalidInput, match="there is no component 'tyk-docs'"):
        registry.environments.redeploy("app-test", "tyk-docs", registry.stamp())


def test_a_redeployment_that_is_sent_again_rolls_over_once(registry: Registry) -> None:
    bring(registry, Phase.READY)
    first = registry.environments.redeploy("app-test", None, registry.stamp(), "m-1")
    registry.now_ms += 1
    again = registry.environments.redeploy("app-test", None, registry.stamp(), "m-1")
    assert (again.generation, again.revision) == (first.generation, first.revision)
    assert (
        registry.environments.redeploy("app-test", None, registry.stamp(), "m-2").generation
        == first.generation + 1
    )
    assert (
        registry.environments.redeploy("app-test", "tyk", registry.stamp(), "m-3").generation
        == first.generation + 2
    )
    again = registry.environments.redeploy("app-test", None, registry.stamp(), "m-3")
    assert (again.generation, set(again.redeploys.values())) == (first.generation + 3, {"m-3"})


def test_pages_hold_environments_and_tombstones_and_name_the_rows_of_gromit_v1(
    registry: Registry,
) -> None:
    bring(registry, Phase.GONE)
    registry.report(ref="b")
    registry.store.put({"name": "c", "state": "new", "tyk": "x"})
    registry.report(ref="d")
    first = registry.environments.page(None, 3)
    second = registry.environments.page(first.last, 3)
    assert [e.name for e in (*first.environments, *second.environments)] == ["app-test", "b", "d"]
    assert second.last is None
    (entry,) = (*first.unreadable, *second.unreadable)
    assert (entry.name, entry.fault.message) == ("c", "the row of c is from gromit v1")


def test_a_row_that_was_damaged_is_named_and_hides_no_other(registry: Registry) -> None:
    registry.report(ref="a")
    registry.report(ref="b")
    registry.store.put({k: v for k, v in (registry.store.read("a") or {}).items() if k != "want"})
    part = registry.environments.page(None, 10)
    assert [e.name for e in part.environments] == ["b"]
    assert [row.name for row in part.unreadable] == ["a"]


def test_a_second_ref_is_refused_also_where_the_first_version_came_without_one(
    registry: Registry,
) -> None:
    registry.environments.put("app-test", {"tyk": "sha-1"}, registry.stamp())
    registry.report(version="sha-1", ref="feature/app-test")
    assert registry.environments.get("app-test").versions["tyk"].ref == "feature/app-test"
    with pytest.raises(Conflict, match="already has 'feature/app-test'"):
        registry.report(version="sha-2", ref="bugfix/app-test")


def test_a_retirement_whose_answer_was_lost_is_no_error(registry: Registry) -> None:
    registry.report()
    registry.report(repository="tyk-pump", version="sha-p")
    registry.store.lose_next_answer()
    registry.environments.retire("app-test", "tyk", registry.stamp())
    assert registry.environments.get("app-test").reported == {"tyk-pump"}


def test_a_row_of_gromit_v1_says_what_to_do(registry: Registry) -> None:
    registry.store.put({"name": "app-test", "state": "new", "tyk": "x"})
    for attempt in (registry.report, lambda: registry.environments.get("app-test")):
        with pytest.raises(Conflict, match="from gromit v1"):
            attempt()


THEIRS = {"name": "TT-1234_fix", "state": "processed", "tyk": "x"}
REQUESTS: dict[str, Callable[[Registry], object]] = {
    "get": lambda r: r.environments.get("TT-1234_fix"),
    "inspect": lambda r: r.environments.inspect("TT-1234_fix"),
    "report": lambda r: r.report(ref="feature/TT-1234_fix", version="sha-2"),
    "put": lambda r: r.environments.put("TT-1234_fix", {"tyk": "sha-2"}, r.stamp()),
    "patch": lambda r: r.environments.patch("TT-1234_fix", {"tyk": "sha-2"}, r.stamp()),
    "delete": lambda r: r.environments.delete("TT-1234_fix", r.stamp()),
    "retire": lambda r: r.environments.retire("TT-1234_fix", "tyk", r.stamp()),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_row_whose_name_gromit_maps_is_found_and_never_doubled(
    registry: Registry, name: str
) -> None:
    registry.store.put(THEIRS)
    with pytest.raises(Conflict, match="the row of TT-1234_fix is from gromit v1"):
        REQUESTS[name](registry)
    assert registry.store.page(None, 10).rows == (THEIRS,)


def test_a_branch_with_dots_meets_its_row_of_gromit_v1(registry: Registry) -> None:
    registry.store.put({"name": "release-3.1.0", "state": "processed", "tyk": "x"})
    with pytest.raises(Conflict, match=r"the row of release-3\.1\.0 is from gromit v1"):
        registry.report(ref="release-3.1.0")


def test_an_environment_that_exists_costs_no_look_for_rows_of_gromit_v1(
    registry: Registry,
) -> None:
    registry.report(ref="TT-1234_fix", version="sha-1")
    registry.store.put(THEIRS)
    assert registry.report(ref="TT-1234_fix", version="sha-2")[0] is BuildResult.ACCEPTED


def test_a_full_history_keeps_no_change_from_being_made(registry: Registry) -> None:
    registry.report()
    row = dict(registry.store.read("app-test") or {})
    events = [{"at": i, "actor": "a", "kind": "k", "text": ""} for i in range(HISTORY_MAX)]
    changes: list[Callable[[], object]] = [
        lambda: registry.report(version="sha-2"),
        lambda: registry.environments.put("app-test", {"tyk": "x"}, registry.stamp()),
        lambda: registry.environments.patch("app-test", {"tyk": "y"}, registry.stamp()),
        lambda: registry.environments.protect("app-test", protected=True, stamp=registry.stamp()),
        lambda: registry.environments.redeploy("app-test", None, registry.stamp()),
        lambda: registry.environments.retire("app-test", "tyk", registry.stamp()),
        lambda: registry.environments.delete("app-test", registry.stamp()),
    ]
    for change in changes:
        registry.store.put({**row, "events": events})
        change()
        after = registry.environments.get("app-test")
        assert after.events[-1].kind != "k"


def test_a_tombstones_end_lets_old_sequences_go(registry: Registry) -> None:
    registry.report(sequence=9)
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    gone = finish(registry, claim(registry, Work.REAP), Work.REAP)
    assert (registry.store.read("app-test") or {})[
        "expire_at"
    ] * 1000 >= registry.now_ms + TOMBSTONE_MS - 1000
    assert gone.sequences == {"tyk": 9}
