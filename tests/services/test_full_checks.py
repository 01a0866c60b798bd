"""Runs of sow that trust the last full check, and those that make one."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.full_checks import full_check_s
from gromit.core.environments.observed_status import Degradation
from gromit.core.environments.phases import Want, Work
from gromit.core.stack.contract import StateMark
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.errors import BackendError, TerraformFailed
from tests.fakes.queue import a_claim
from tests.services.registry import Registry
from tests.services.test_sowing import DAY_S, NAME, World


@dataclass
class Life:
    """Runs of sow on one environment, each with what serve kept of the last one."""

    world: World = field(default_factory=World)
    made: MadeStack | None = None
    """None after an unclean end, and before the first run."""
    last: MadeStack | None = None
    state: StateMark | None = None
    """State that the last run left."""
    redeploys: Mapping[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self, waited_s: float = 60.0) -> bool | None:
        """Run sow some time after the last run.

        Return whether Terraform compared everything with AWS; None if there was nothing to apply.
        """
        made = self.made
        self.world.clock += waited_s
        claim = a_claim(
            NAME,
            spec_hash=made.spec_hash if made else None,
            versions=self.versions,
            state=self.state,
            made=self.last.components if self.last else (),
        )
        checked_s = None if made is None or made.checked_s is None else made.checked_s + waited_s
        claim = replace(
            claim,
            redeploys=self.redeploys,
            recipe=self.last.recipe if self.last else "",
            checked_s=None if checked_s is None else round(checked_s),
        )
        self.made, count = None, len(self.world.terraform.refreshed)
        self.made = self.last = self.world.sow_claim(claim)
        self.state = self.world.states.heads[NAME].mark
        refreshed = self.world.terraform.refreshed[count:]
        return refreshed[0] if refreshed else None

    def build(self, repository: str = "tyk") -> None:
        """Push and report another build."""
        tag = f"sha-{next(self.numbers)}"
        self.world.images.push(repository, tag)
        self.versions[repository] = tag


@pytest.fixture
def life() -> Life:
    return Life()


def claimed(registry: Registry) -> Environment:
    """Claim the environment."""
    claimant = Claimant("worker", f"nonce-{registry.now_ms}")
    found = registry.leases.claim(Work.SOW, claimant, registry.now_ms)
    assert isinstance(found, Environment)
    return found


def test_serve_says_how_old_the_last_full_check_is_unless_something_was_wrong() -> None:
    registry = Registry()
    registry.report(version="sha-1")
    first = claimed(registry)
    assert full_check_s(first, registry.now_ms) is None
    made = MadeStack("hash", "recipe", (MadeComponent(name="tyk", version="sha-1"),), "", 5)
    stamp, fence = registry.stamp("worker"), registry.fence(first)
    registry.leases.sown(first.name, fence, str(first.row["claim_id"]), made, stamp)
    registry.report(version="sha-2")
    registry.now_ms += 60_000
    second = claimed(registry)
    now_ms = registry.now_ms
    assert full_check_s(second, now_ms) == 65
    degraded = Degradation(now_ms, {"tyk": "its program fails"})
    sick = {"tyk": HealthStatus(HealthState.FAIL, "no database")}
    for worse in (
        replace(second, degraded=degraded, health=sick),
        replace(second, attempts=1),
        replace(second, want=Want.GONE),
        replace(second, epoch=second.epoch + 1),
        replace(second, made=None),
    ):
        assert full_check_s(worse, now_ms) is None


def test_the_first_apply_checks_everything_and_changes_soon_after_it_do_not(life: Life) -> None:
    assert life.run() is True
    for _ in range(3):
        life.build()
        assert life.run() is False


def test_after_a_day_a_change_checks_everything_again(life: Life) -> None:
    life.run()
    life.build()
    assert life.run(DAY_S - 120) is False
    life.build()
    assert life.run(600) is True
    life.build()
    assert life.run() is False


def test_an_unchanged_run_is_no_check(life: Life) -> None:
    life.run()
    assert life.run(DAY_S) is None
    life.build()
    assert life.run() is True


def test_after_a_failure_a_run_checks_everything(life: Life) -> None:
    life.run()
    life.build()
    life.world.terraform.faults = [TerraformFailed("no")]
    with pytest.raises(TerraformFailed):
        life.run()
    assert life.run() is True


def test_a_redeployment_checks_everything(life: Life) -> None:
    life.run()
    life.redeploys = {"pump": "1"}
    assert life.run() is True


def test_another_release_of_the_stack_checks_everything(life: Life) -> None:
    life.run()
    life.world.sow = replace(life.world.sow, fingerprint="stack-2")
    assert life.run() is True


def test_a_state_that_a_person_has_changed_is_compared_with_aws(life: Life) -> None:
    life.run()
    life.build()
    head = life.world.states.heads[NAME]
    newer = replace(head.mark, serial=head.mark.serial + 1)
    life.world.states.heads[NAME] = replace(head, mark=newer)
    assert life.run() is True


def test_images_that_did_not_change_are_looked_at_only_in_a_full_check(life: Life) -> None:
    life.run()
    life.world.images.marked.clear()
    life.build()
    life.run()
    assert {repository for repository, _ in life.world.images.marked} == {"tyk"}
    life.world.images.marked.clear()
    life.build()
    life.run(DAY_S)
    assert {repository for repository, _ in life.world.images.marked} == {"tyk", "tyk-pump"}


def test_after_an_image_could_not_be_marked_a_run_checks_everything(life: Life) -> None:
    life.run()
    life.build()
    life.world.images.mark_faults = [BackendError("no"), BackendError("no")]
    assert life.run() is False
    life.build()
    assert life.run() is True
