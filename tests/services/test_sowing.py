"""Sowing of an environment, and recovery from a failed rollout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from gromit.core.dns.plan import RecordSet, ZoneChanges
from gromit.core.environments.claims import Claim
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import ServiceState, StateHead, StateMark
from gromit.core.stack.hooks import Hook, HookKind, HookOutcome
from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.core.stack.secrets import NamedSecret, SecretOrigin
from gromit.errors import (
    BackendError,
    ConfigError,
    ConfigRootUnusable,
    Denied,
    GromitError,
    HookFailed,
    InvalidInput,
    RolloutFailed,
    Suspended,
    Temporary,
    TerraformFailed,
    UnsafeState,
)
from gromit.services.adopting import Adopter
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.full_checks import CheckPolicy
from gromit.services.hooks import HookPolicy, HookRunner
from gromit.services.image_keeping import ImageKeeper
from gromit.services.public_records import PublicRecords
from gromit.services.run_states import StateOfRun
from gromit.services.sowing import SettlePolicy, Sower
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.dns import FakeKeeper
from tests.fakes.hook_tasks import FakeHookTasks
from tests.fakes.images import FakeImages
from tests.fakes.platform import FakePlatform
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.secrets import FakeSecrets
from tests.fakes.services import FakeServices
from tests.fakes.states import FakeStates
from tests.fakes.terraform import FakeTerraform

NAME = "app-test"
DAY_S = 86_400
LOCK = Lock(environment=NAME, id="lock-1", etag="etag-1")
COMPONENTS = (
    Component(name="tyk", repository="tyk", port=8080, public=True),
    Component(
        name="pump",
        repository="tyk-pump",
        config_path="/etc/pump",
        templates={"pump.conf": "reads {{ peers.tyk }}"},
    ),
)


def completed(state: ServiceState) -> ServiceState:
    return replace(state, rollout="COMPLETED", running=1, reason="")


def broken(state: ServiceState) -> ServiceState:
    return replace(state, rollout="FAILED", running=0, reason="exit code 1", stopped_task="task-1")


def in_progress(state: ServiceState) -> ServiceState:
    return replace(state, rollout="IN_PROGRESS", running=0, reason="pulling")


def only(
    component: str, fate: Callable[[ServiceState], ServiceState]
) -> Callable[[ServiceState], ServiceState]:
    """Return this fate for one component; the others run at once."""
    return lambda state: fate(state) if state.component == component else state


API = NamedSecret(name="api", made=SecretOrigin.RANDOM)


@dataclass
class World:
    """A sower whose ports are fakes, with a clock that its pauses advance."""

    services: FakeServices = field(default_factory=FakeServices)
    states: FakeStates = field(default_factory=FakeStates)
    resources: FakeEnvironmentResources = field(default_factory=FakeEnvironmentResources)
    images: FakeImages = field(
        default_factory=lambda: FakeImages(
            ("tyk", "master"), ("tyk-pump", "master"), ("tyk", "new")
        )
    )
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    named: Mapping[str, NamedSecret] = field(default_factory=dict)
    """Named secrets of the catalogue; tyk has a variable for each."""
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    platform: FakePlatform = field(default_factory=FakePlatform)
    fingerprint: str = "stack-1"
    hooks: Mapping[HookKind, Hook] = field(default_factory=dict)
    """Hooks of every component."""
    tasks: FakeHookTasks = field(default_factory=FakeHookTasks)
    keeper: FakeKeeper = field(default_factory=FakeKeeper)
    queue: FakeQueue = field(default_factory=FakeQueue)
    clock: float = 0.0
    on_pause: Callable[[], bool] = lambda: False
    """Called within each pause; True if this worker must stop."""
    after_apply: Callable[[], None] = lambda: None
    """Called after the apply, before the sower checks the services."""
    lines: list[str] = field(default_factory=list)
    made: tuple[MadeComponent, ...] = ()
    """Components as the last run made them."""
    branch_tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.terraform = FakeTerraform(self.services, self.states)
        catalogue = self._catalogue()
        clear = Clearer(self.resources, ClearPolicy(60.0, 5.0, lambda: self.clock, self._pause))
        self.sow = Sower(
            catalogue=catalogue,
            domain="dev.example.com",
            fingerprint=self.fingerprint,
            platform=self.platform,
            images=self.images,
            keeper=ImageKeeper(self.images),
            secrets=self.secrets,
            root=self.root,
            terraform=self.terraform,
            services=self.services,
            adopt=Adopter(self.states, clear),
            hooks=HookRunner(
                catalogue=catalogue,
                clear=clear,
                tasks=self.tasks,
                queue=self.queue,
                guard=self.root.check,
                policy=HookPolicy(2.0, lambda: self.clock, self._pause),
            ),
            records=PublicRecords(self.keeper),
            policy=SettlePolicy(600.0, 5.0, lambda: self.clock, self._pause),
            checks=CheckPolicy(DAY_S, lambda: self.clock),
        )

    def _catalogue(self) -> Catalogue:
        components = {c.name: replace(c, hooks=self.hooks) for c in COMPONENTS}
        variables = {name.upper(): name for name in self.named}
        components["tyk"] = replace(components["tyk"], secrets=variables)
        return Catalogue(components, secrets=self.named)

    def run(
        self,
        *,
        spec_hash: str | None = None,
        redeploys: Mapping[str, str] | None = None,
        parked: bool = False,
        **versions: str,
    ) -> str:
        """Sow with these versions, and return the hash; later runs know what was made."""
        claim = a_claim(NAME, spec_hash=spec_hash, versions=versions, made=self.made)
        claim = replace(claim, redeploys=redeploys or {}, parked=parked)
        claim = replace(claim, branch_tags=self.branch_tags)
        done = self.sow_claim(claim)
        self.made, self.program = done.components, done.program
        return done.spec_hash

    def sow_claim(self, claim: Claim) -> MadeStack:
        """Sow what a claim says."""
        state = StateOfRun(self.states, self.queue, claim, LOCK)
        return self.sow(claim, state, self._progress)

    def state(self, component: str) -> ServiceState:
        return next(s for s in self.services.describe(NAME) if s.component == component)

    def _progress(self, text: str) -> None:
        self.lines.append(text)
        if text == "applied":
            self.after_apply()

    def _pause(self, seconds: float) -> bool:
        self.clock += seconds
        return self.on_pause()


@pytest.fixture
def world() -> World:
    return World()


def test_an_environment_is_made_under_the_lock_that_is_held(world: World) -> None:
    assert world.run()
    assert world.terraform.locks == [LOCK]
    assert {s.component: s.rollout for s in world.services.describe(NAME)} == {
        "pump": "COMPLETED",
        "tyk": "COMPLETED",
    }
    assert world.services.restarted == []


def test_what_runs_already_is_not_applied_again(world: World) -> None:
    made = world.run()
    assert world.program == "terraform 1.11.4"
    assert world.run(spec_hash=made) == made
    assert len(world.terraform.applied) == 1
    assert world.program == "", "nothing was applied"


def test_a_missing_image_is_named_and_leaves_everything_as_it_is(world: World) -> None:
    with pytest.raises(InvalidInput, match="there is no image tyk:unpushed in the registry"):
        world.run(tyk="unpushed")
    assert world.root.text(NAME, "pump", "pump.conf") is None
    assert (world.terraform.applied, world.terraform.locks, world.services.describe(NAME)) == (
        [],
        [],
        [],
    )


def test_a_missing_secret_is_named_with_the_remedy_and_leaves_everything_as_it_is() -> None:
    world = World(named={"api": API})
    with pytest.raises(InvalidInput, match=f"tyk: API: secret {API.path} does not exist") as caught:
        world.run()
    assert "gromit secrets make" in str(caught.value.hint)
    assert world.root.text(NAME, "pump", "pump.conf") is None
    assert not world.terraform.applied
    world.secrets.write(API.path, "hunter2")
    world.run()
    (applied,) = world.terraform.applied
    assert applied.components["tyk"].secrets["API"].startswith("arn:aws:secretsmanager:")
    assert "hunter2" not in repr(applied)


def test_a_changed_secret_rolls_out_every_component_that_uses_it() -> None:
    world = World(named={"api": API})
    world.secrets.write(API.path, "first")
    made = world.run()
    assert world.run(spec_hash=made) == made
    world.secrets.write(API.path, "second")
    assert world.run(spec_hash=made) != made
    first, second = world.terraform.applied
    assert first.components["tyk"].labels != second.components["tyk"].labels
    assert first.components["pump"] == second.components["pump"]


def test_a_parked_environment_needs_no_secret() -> None:
    world = World(named={"api": API})
    world.run(parked=True)
    assert world.terraform.applied[0].components["tyk"].secrets == {}


def test_every_missing_image_is_named(world: World) -> None:
    with pytest.raises(InvalidInput, match="tyk-pump:b, tyk:a"):
        world.sow_claim(a_claim(NAME, versions={"tyk": "a", "tyk-pump": "b"}))


def test_without_a_platform_nothing_is_written_or_applied(world: World) -> None:
    world.platform.platform = None
    with pytest.raises(ConfigError, match="there is no platform"):
        world.run()
    assert world.root.text(NAME, "pump", "pump.conf") is None
    assert world.terraform.applied == []


def test_an_unusable_root_stops_the_work_before_terraform(world: World) -> None:
    world.root.fault = ConfigRootUnusable("/config has no marker")
    with pytest.raises(ConfigRootUnusable):
        world.run()
    assert world.terraform.applied == []


def test_the_stack_is_given_the_wanted_versions_and_the_config_files_are_there(
    world: World,
) -> None:
    world.run(tyk="new")
    (stack,) = world.terraform.applied
    registry = world.platform.read().registry
    digests = world.images.digests([("tyk", "new"), ("tyk-pump", "master")])
    assert {c: i.image for c, i in stack.components.items()} == {
        "tyk": f"{registry}/tyk@{digests['tyk', 'new']}",
        "pump": f"{registry}/tyk-pump@{digests['tyk-pump', 'master']}",
    }
    assert world.root.text(NAME, "pump", "pump.conf") == f"reads tyk.{NAME}.internal"


def test_the_hash_is_the_same_for_the_same_and_differs_for_whatever_makes_a_difference(
    world: World,
) -> None:
    made = world.run()
    assert World().run() == made
    assert World(fingerprint="stack-2").run() != made
    assert world.run(tyk="new") != made
    assert World().run(redeploys={"tyk": "1"}) != made
    other = World()
    other.images.push("tyk", "master", "moved")
    assert other.run() != made


def test_a_service_that_completed_its_rollout_and_then_crashes_does_not_count_as_running(
    world: World,
) -> None:
    world.terraform.rolled_out = only(
        "tyk",
        lambda state: replace(
            completed(state), running=0, reason="exit code 3", stopped_task="task-3"
        ),
    )
    with pytest.raises(RolloutFailed, match="not running after 600 s: tyk: exit code 3") as failure:
        world.run()
    assert failure.value.stopped == {"tyk": "task-3"}


def test_an_image_that_has_expired_is_kept_while_its_version_is_unchanged(world: World) -> None:
    world.run(tyk="master")
    (before,) = [c.digest for c in world.made if c.name == "pump"]
    world.images.remove("tyk-pump", "master")
    world.run(tyk="new")
    assert [c.digest for c in world.made if c.name == "pump"] == [before]
    assert f"@{before}" in world.terraform.applied[-1].components["pump"].image


def test_a_tag_that_moved_changes_nothing_until_a_redeployment(world: World) -> None:
    made = world.run()
    moved = world.images.push("tyk", "master", "moved")
    assert world.run() == made
    world.run(redeploys={"tyk": "1"})
    assert {c.name: c.digest == moved for c in world.made} == {"tyk": True, "pump": False}
    world.images.push("tyk", "master", "moved again")
    world.run(redeploys={"tyk": "1"})
    assert {c.name: c.digest == moved for c in world.made} == {"tyk": True, "pump": False}


def test_a_version_that_comes_back_is_looked_up_again(world: World) -> None:
    world.run(tyk="master")
    world.run(tyk="new")
    world.images.remove("tyk", "master")
    with pytest.raises(InvalidInput, match="no image tyk:master"):
        world.run(tyk="master")


def test_without_a_changed_version_the_registry_is_not_asked(world: World) -> None:
    world.run()
    world.images.problem = BackendError("the registry is down")
    world.root.edit(NAME, "pump", "pump.conf", "mine")
    world.run()
    assert len(world.terraform.applied) == 2


def test_what_was_made_names_version_digest_commit_and_public_port(world: World) -> None:
    digest = world.images.digests([("tyk", "master")])["tyk", "master"]
    world.images.commits["tyk", digest] = "4d5e6f"
    world.run(redeploys={"pump": "1"})
    pump, tyk = world.made
    assert (tyk.version, tyk.digest, tyk.revision, tyk.port) == ("master", digest, "4d5e6f", 8080)
    assert (pump.repository, pump.redeploy, pump.revision, pump.port) == (
        "tyk-pump",
        "1",
        None,
        None,
    )
    world.images.problem = BackendError("the registry is down")
    world.run(redeploys={"pump": "1"})
    assert world.made == (pump, tyk)


def test_a_registry_that_does_not_show_manifests_hinders_nothing(world: World) -> None:
    def fail() -> None:
        world.images.problem = BackendError("the registry is down")

    world.after_apply = fail
    assert world.run()
    assert {c.revision for c in world.made} == {None}


def test_edited_config_files_arrive_with_the_next_run(world: World) -> None:
    made = world.run()
    world.root.edit(NAME, "pump", "pump.conf", "mine")
    assert world.run(spec_hash=made) != made
    assert world.root.text(NAME, "pump", "pump.conf") == "mine"
    assert len(world.terraform.applied) == 2


def test_without_a_hash_that_is_known_terraform_decides(world: World) -> None:
    made = world.run()
    assert world.run(spec_hash=None) == made
    assert len(world.terraform.applied) == 2


def test_a_service_that_does_not_exist_in_time_is_named(world: World) -> None:
    world.terraform.rolled_out = only("pump", in_progress)

    def vanish() -> bool:
        world.services.drop(NAME)
        return False

    world.on_pause = vanish
    with pytest.raises(RolloutFailed, match="not running after 600 s: pump, tyk"):
        world.run()


def test_a_service_that_was_rolled_back_does_not_count_as_running(world: World) -> None:
    # The circuit breaker rolls back to the earlier task definition: COMPLETED, but not desired.
    world.terraform.rolled_out = only(
        "tyk", lambda state: replace(state, task_definition="the earlier one")
    )
    with pytest.raises(RolloutFailed, match="not running after 600 s: tyk: 1 of 1 tasks run"):
        world.run()


def test_services_that_take_their_time_are_waited_for(world: World) -> None:
    world.terraform.rolled_out = in_progress

    def get_on() -> bool:
        if world.clock >= 60:
            world.services.put(NAME, *(completed(s) for s in world.services.describe(NAME)))
        return False

    world.on_pause = get_on
    assert world.run()
    assert world.clock == 60


def test_a_rollout_that_fails_is_reported_with_its_reason(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed, match="tyk: exit code 1") as failure:
        world.run()
    assert failure.value.stopped == {"tyk": "task-1"}
    assert world.services.restarted == []
    assert world.clock == 0


def test_a_failed_rollout_gets_a_new_deployment_when_it_is_tried_again_with_nothing_changed(
    world: World,
) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    failed = world.state("tyk")
    world.services.after_restart = completed
    assert world.run()
    assert world.services.restarted == [(NAME, "tyk")]
    assert world.state("tyk") == replace(failed, rollout="COMPLETED", running=1, reason="")
    assert "tyk had failed: starting a new deployment" in world.lines


def test_a_failed_rollout_that_fails_again_is_reported_again_and_tried_again(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    world.services.after_restart = broken
    for times in range(3):
        with pytest.raises(RolloutFailed, match="tyk"):
            world.run()
        assert len(world.services.restarted) == times
    world.services.after_restart = completed
    assert world.run()


def test_a_failed_rollout_that_a_new_build_replaces_is_not_started_again(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    world.terraform.rolled_out = completed
    assert world.run(tyk="new")
    assert world.services.restarted == []


def test_a_failed_service_that_is_well_again_after_the_apply_is_not_started_again(
    world: World,
) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    well = completed(world.state("tyk"))
    world.after_apply = lambda: world.services.put(NAME, well)
    assert world.run()
    assert world.services.restarted == []


def test_a_service_that_fails_only_now_is_not_started_again_with_one_that_had_failed(
    world: World,
) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    world.services.after_restart = completed
    failing = broken(world.state("pump"))
    world.after_apply = lambda: world.services.put(NAME, failing)
    with pytest.raises(RolloutFailed, match="pump: exit code 1"):
        world.run()
    assert world.services.restarted == [(NAME, "tyk")]


def test_a_build_that_fails_after_another_that_failed_is_reported_at_once(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    for build in ("master", "new"):
        with pytest.raises(RolloutFailed):
            world.run(tyk=build)
    assert world.services.restarted == []


def test_a_service_that_still_shows_its_last_builds_failure_is_waited_for(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    stale = world.state("tyk")
    world.terraform.rolled_out = lambda state: stale if state.component == "tyk" else state

    def catch_up() -> bool:
        world.services.put(
            NAME,
            replace(
                completed(stale), task_definition=f"arn:aws:ecs:::task-definition/{NAME}--tyk:2"
            ),
        )
        return False

    world.on_pause = catch_up
    assert world.run(tyk="new")
    assert world.services.restarted == []


def test_services_of_the_stack_alone_are_started_again(world: World) -> None:
    world.services.put(
        NAME,
        broken(
            ServiceState(component="by-hand", task_definition="x", rollout="", running=0, desired=1)
        ),
    )
    assert world.run()
    assert world.services.restarted == []


def test_nothing_is_started_again_if_terraform_fails(world: World) -> None:
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run()
    world.terraform.faults = [TerraformFailed("no such subnet")]
    with pytest.raises(TerraformFailed):
        world.run()
    assert world.services.restarted == []


def test_services_that_do_not_get_on_are_given_up_with_their_reason(world: World) -> None:
    world.terraform.rolled_out = only("pump", in_progress)
    with pytest.raises(RolloutFailed, match="not running after 600 s: pump: pulling"):
        world.run()
    assert world.clock == 600


def test_a_worker_that_is_to_end_does_not_wait_for_services(world: World) -> None:
    world.terraform.rolled_out = only("pump", in_progress)
    world.on_pause = lambda: True
    with pytest.raises(Suspended):
        world.run()


def test_a_parked_environment_keeps_its_services_and_runs_no_task(world: World) -> None:
    made = world.run()
    world.terraform.rolled_out = only("pump", broken)
    parked = world.run(spec_hash=made, parked=True)
    assert parked != made
    assert world.terraform.applied[-1].parked
    assert [(s.component, s.running, s.desired) for s in world.services.describe(NAME)] == [
        ("pump", 0, 0),
        ("tyk", 0, 0),
    ]
    assert world.run(spec_hash=parked) == made
    assert [s.running for s in world.services.describe(NAME)] == [1, 1]


def test_an_environment_is_parked_also_without_its_images(world: World) -> None:
    world.images.remove("tyk", "master")
    assert world.run(parked=True)
    with pytest.raises(InvalidInput, match="there is no image tyk:master"):
        world.run()


def test_a_task_that_does_not_end_is_no_success(world: World) -> None:
    def still_there() -> None:
        world.services.put(NAME, replace(world.state("tyk"), running=1))

    world.after_apply = still_there
    with pytest.raises(RolloutFailed, match="still running after 600 s: tyk"):
        world.run(parked=True)
    world.on_pause = lambda: True
    with pytest.raises(Suspended):
        world.run(parked=True)


# ── public records ────────────────────────────────────────────────────────────────────────────────

PUBLISH, RETIRE = ("publish", NAME), ("retire", NAME)


def test_the_records_are_brought_up_to_date_when_everything_runs_and_before_it_is_done(
    world: World,
) -> None:
    world.run()
    assert world.keeper.calls == [PUBLISH]
    assert world.lines[-2:] == ["waiting for the services", "published"]


def test_the_records_follow_each_public_component_that_settles_before_the_last(
    world: World,
) -> None:
    world.terraform.rolled_out = in_progress
    calls: list[int] = []

    def get_on() -> bool:
        calls.append(len(world.keeper.calls))
        if world.clock == 10:
            world.services.put(NAME, completed(world.state("tyk")))
        if world.clock == 30:
            world.services.put(NAME, completed(world.state("pump")))
        return False

    world.on_pause = get_on
    world.run()
    assert calls == [0, 0, 1, 1, 1, 1]
    assert world.keeper.calls == [PUBLISH, PUBLISH]


def test_a_component_without_a_public_name_changes_no_record_before_the_last(
    world: World,
) -> None:
    world.terraform.rolled_out = only("tyk", in_progress)
    with pytest.raises(RolloutFailed):
        world.run()
    assert world.keeper.calls == [PUBLISH]


@pytest.mark.parametrize("fate", [broken, in_progress])
def test_the_records_are_up_to_date_also_after_a_rollout_that_failed(
    world: World, fate: Callable[[ServiceState], ServiceState]
) -> None:
    world.terraform.rolled_out = only("pump", fate)
    with pytest.raises(RolloutFailed):
        world.run()
    assert world.keeper.calls[-1] == PUBLISH


def test_the_records_are_left_alone_if_no_public_component_was_changed(world: World) -> None:
    made = world.run()
    world.keeper.calls.clear()
    made = world.run(spec_hash=made, redeploys={"pump": "1"})
    assert world.keeper.calls == []
    world.run(spec_hash=made, redeploys={"pump": "1", "tyk": "1"})
    assert world.keeper.calls == [PUBLISH]


def test_after_an_unclean_end_the_records_are_brought_up_to_date_whatever_was_changed(
    world: World,
) -> None:
    world.run()
    world.keeper.calls.clear()
    world.run(spec_hash=None, redeploys={"pump": "1"})
    assert world.keeper.calls == [PUBLISH]


@pytest.mark.parametrize(
    "error", [Temporary("throttled"), Denied("no right"), ConfigError("another zone")]
)
def test_records_that_cannot_be_written_do_not_fail_an_environment_that_runs(
    world: World, error: GromitError
) -> None:
    world.keeper.failures = [error]
    with capture_logs() as lines:
        assert world.run()
    (line,) = [e for e in lines if e["event"] == "records.not_updated"]
    assert (line["env"], line["reason"]) == (NAME, error.message)
    assert f"its public records are not up to date: {error.message}" in world.lines


def test_a_name_that_others_use_is_named(world: World) -> None:
    record = RecordSet("tyk.app-test.dev.example.com", "A", 10, frozenset({"1.1.1.1"}))
    world.keeper.result = ZoneChanges(blocked=((record, "a CNAME exists"),))
    world.run()
    assert world.lines[-1] == f"{record.name} is not published: a CNAME exists"


def test_the_records_go_before_the_tasks_of_a_parked_environment_stop(world: World) -> None:
    world.run(parked=True)
    assert world.keeper.calls == [RETIRE]
    assert world.lines.index("retired") < world.lines.index("applied")


def test_no_task_stops_while_its_record_remains(world: World) -> None:
    made = world.run()
    world.keeper.failures = [BackendError("the zone refused it")]
    with pytest.raises(BackendError, match="the zone refused it"):
        world.run(spec_hash=made, parked=True)
    assert [s.running for s in world.services.describe(NAME)] == [1, 1]


def test_without_a_zone_there_are_no_records_to_keep(world: World) -> None:
    PublicRecords(None).update(NAME, world.lines.append)
    PublicRecords(None).remove(NAME, world.lines.append)
    assert world.lines == []


MARK = StateMark("3f0c", 3)
GROUP = Resource(kind=ResourceKind.GROUP, id="sg-1", component="tyk")
TYK_GROUP = 'module.component["tyk"].aws_security_group.this'


def test_what_a_killed_run_has_left_is_imported(world: World) -> None:
    world.resources.existing[NAME] = [GROUP, Resource(kind=ResourceKind.CLUSTER, id=NAME)]
    world.run(tyk="master")
    assert world.terraform.imported == [{TYK_GROUP: "sg-1", "aws_ecs_cluster.this": NAME}]
    assert f"adopting sg-1 as {TYK_GROUP}" in world.lines


def test_a_cluster_of_gromit_v1_whose_state_is_elsewhere_is_refused_before_the_apply(
    world: World,
) -> None:
    theirs = Resource(kind=ResourceKind.CLUSTER, id=NAME, is_ours=False)
    world.resources.existing[NAME] = [GROUP, theirs]
    with pytest.raises(UnsafeState, match=f"there is a cluster {NAME} that is not in the state"):
        world.run(tyk="master")
    assert (world.terraform.applied, world.resources.removed) == ([], [])


@pytest.mark.parametrize("kind", [ResourceKind.CLUSTER, ResourceKind.LOG_GROUP])
def test_a_name_that_another_installation_uses_is_refused_before_the_apply(
    world: World, kind: ResourceKind
) -> None:
    theirs = Resource(kind=kind, id=NAME, is_ours=False, owner="team-b")
    world.resources.existing[NAME] = [GROUP, theirs]
    with pytest.raises(UnsafeState, match=f"{kind} {NAME} belongs to the installation team-b"):
        world.run(tyk="master")
    assert (world.terraform.applied, world.resources.removed) == ([], [])


def test_a_cluster_that_the_state_contains_needs_no_tags(world: World) -> None:
    theirs = Resource(kind=ResourceKind.CLUSTER, id=NAME, is_ours=False)
    world.resources.existing[NAME] = [theirs]
    world.states.heads[NAME] = StateHead(1, MARK, held={"aws_ecs_cluster.this": theirs.key})
    world.run(tyk="master")
    assert world.terraform.applied != []


def test_what_the_stack_has_no_place_for_is_removed_before_the_apply(world: World) -> None:
    rule = Resource(kind=ResourceKind.RULE, id="sgr-1", parent="sg-1/egress")
    world.resources.existing[NAME] = [GROUP, rule]
    world.resources.in_use["sgr-1"] = 2
    world.run(tyk="master")
    assert world.resources.removed == [rule]
    assert world.terraform.imported == [{TYK_GROUP: "sg-1"}]


def test_what_cannot_be_removed_is_named_and_nothing_is_applied(world: World) -> None:
    second = Resource(kind=ResourceKind.GROUP, id="sg-2", component="tyk")
    world.resources.existing[NAME] = [GROUP, second]
    world.resources.in_use["sg-2"] = 1000
    with pytest.raises(BackendError, match="still has resources: security group sg-2"):
        world.run(tyk="master")
    assert world.terraform.applied == []


@pytest.mark.parametrize(
    ("spec_hash", "head", "looks"),
    [
        ("trusted", StateHead(3, MARK), False),
        (None, StateHead(3, MARK), True),
        ("trusted", StateHead(0, MARK), True),
        ("trusted", None, True),
        (None, None, True),
    ],
)
def test_aws_is_asked_only_after_an_unclean_end_or_without_a_state(
    world: World, spec_hash: str | None, head: StateHead | None, *, looks: bool
) -> None:
    if head is not None:
        world.states.heads[NAME] = head
    world.run(spec_hash=spec_hash, tyk="master")
    assert bool(world.resources.looks) is looks
    assert world.terraform.imported == [{}]


# ── hooks ─────────────────────────────────────────────────────────────────────────────────────────

SEED = Hook(command=("seed",), timeout_s=60)


def _resources(component: str) -> list[Resource]:
    family = f"{NAME}--{component}--on-create"
    return [
        Resource(
            kind=ResourceKind.DEFINITION, id=f"{family}:1", component=component, hook="on_create"
        ),
        Resource(kind=ResourceKind.GROUP, id=f"sg-{component}", component=component),
    ]


@pytest.fixture
def hooked() -> World:
    """A world in which both components have a hook, and in which an apply has made all."""
    world = World(hooks={HookKind.ON_CREATE: SEED})
    world.resources.existing[NAME] = [
        Resource(kind=ResourceKind.CLUSTER, id=NAME),
        *_resources("tyk"),
        *_resources("pump"),
    ]
    # A look before the apply would adopt them.
    world.states.heads[NAME] = StateHead(
        9,
        StateMark("lineage", 1),
        held={str(n): r.key for n, r in enumerate(world.resources.existing[NAME])},
    )
    return world


def test_hooks_run_after_the_apply_and_are_recorded_one_by_one(hooked: World) -> None:
    hooked.run()
    assert hooked.tasks.started == ["pump on_create", "tyk on_create"]
    assert hooked.queue.hooks == {NAME: ("pump", "tyk")}
    assert hooked.lines.index("applied") < hooked.lines.index("hook on_create of tyk has started")
    assert "waiting for the services" in hooked.lines[-2]


def test_a_hook_that_has_succeeded_does_not_run_again(hooked: World) -> None:
    hooked.sow_claim(replace(a_claim(NAME), hooks=("tyk",)))
    assert hooked.tasks.started == ["pump on_create"]
    hooked.sow_claim(replace(a_claim(NAME), hooks=("pump", "tyk")))
    assert hooked.tasks.started == ["pump on_create"]


def test_only_a_hook_that_failed_is_tried_again(hooked: World) -> None:
    hooked.tasks.outcomes["pump"] = [HookOutcome(1, "exited")]
    hooked.run()
    assert hooked.tasks.started == ["pump on_create", "tyk on_create", "pump on_create"]
    assert hooked.queue.hooks == {NAME: ("pump", "tyk")}


def test_a_required_hook_that_fails_fails_the_environment_and_keeps_what_succeeded(
    hooked: World,
) -> None:
    hooked.tasks.outcomes["pump"] = [HookOutcome(None, "CannotPullContainerError: no")] * 3
    with pytest.raises(HookFailed, match="on_create of pump failed 3 times: CannotPull") as caught:
        hooked.run()
    assert "gromit env logs app-test pump" in str(caught.value.hint)
    assert list(caught.value.stopped) == ["pump"]
    assert hooked.queue.hooks == {NAME: ("tyk",)}


def test_a_hook_that_is_not_required_is_named_and_tried_with_the_next_apply() -> None:
    world = World(hooks={HookKind.ON_CREATE: replace(SEED, required=False)})
    world.resources.existing[NAME] = [
        Resource(kind=ResourceKind.CLUSTER, id=NAME),
        *_resources("tyk"),
    ]
    world.tasks.outcomes["tyk"] = [HookOutcome(1, "exited")] * 3
    with capture_logs() as lines:
        world.run()
    assert [e["required"] for e in lines if e["event"] == "hook.failed"] == [False]
    assert world.queue.hooks == {}


def test_a_hook_that_hangs_is_stopped_when_its_time_is_over(hooked: World) -> None:
    hooked.tasks.outcomes["tyk"] = [None]
    hooked.run()
    assert [reason for _, reason in hooked.tasks.stopped] == ["its time is over"]
    assert hooked.tasks.started.count("tyk on_create") == 2
    assert 60 <= hooked.clock < 70
    assert hooked.queue.hooks == {NAME: ("pump", "tyk")}


def test_what_a_killed_worker_left_is_stopped_before_the_hook_runs_again(hooked: World) -> None:
    hooked.tasks.leave("app-test--pump--on-create")
    hooked.run()
    assert hooked.tasks.stopped == [("left", "it is left from an earlier attempt")]
    assert hooked.tasks.started == ["pump on_create", "tyk on_create"]


def test_two_tasks_of_a_hook_never_run_at_once(hooked: World) -> None:
    hooked.tasks.leave("app-test--pump--on-create")
    hooked.tasks.stubborn = True
    with pytest.raises(HookFailed, match="an earlier task of the hook on_create of pump does not"):
        hooked.run()
    assert hooked.tasks.started == ["tyk on_create"]


def test_a_worker_that_must_stop_ends_its_hooks(hooked: World) -> None:
    hooked.tasks.outcomes["tyk"], hooked.on_pause = [None], lambda: True
    with pytest.raises(Suspended, match="while a hook ran"):
        hooked.run()
    assert [reason for _, reason in hooked.tasks.stopped] == ["its worker was asked to stop"]
    assert hooked.queue.hooks == {}


def test_a_service_that_waited_in_vain_for_a_hook_is_started_again(hooked: World) -> None:
    hooked.terraform.rolled_out = only("tyk", broken)
    hooked.services.after_restart = completed
    hooked.run()
    assert hooked.services.restarted == [(NAME, "tyk")]


def _expire(world: World, component: str) -> str:
    """Let the image that a component runs expire, and return its digest."""
    (digest,) = [c.digest for c in world.made if c.name == component]
    (repository,) = [c.repository for c in world.made if c.name == component]
    assert digest is not None
    assert repository is not None
    world.images.expire(repository, digest)
    return digest


def test_the_images_of_a_success_are_marked_and_the_next_ones_before_they_run(world: World) -> None:
    marks_during: list[set[str]] = []
    world.after_apply = lambda: marks_during.append(world.images.tags("tyk"))
    world.run(tyk="master")
    used, after = used_mark(NAME), next_mark(NAME)
    assert marks_during == [{"master", "new", after}]
    assert world.images.tags("tyk-pump") == {"master", used, after}
    old = world.images.digests([("tyk", used)])["tyk", used]
    world.run(tyk="new")
    tagged = world.images.digests([("tyk", used), ("tyk", after), ("tyk", "new")])
    assert len(set(tagged.values())) == 1
    assert old not in tagged.values()


def test_after_a_failed_rollout_the_images_of_both_versions_are_marked(world: World) -> None:
    world.run(tyk="master")
    world.terraform.rolled_out = only("tyk", broken)
    with pytest.raises(RolloutFailed):
        world.run(tyk="new")
    tags = ("master", "new", used_mark(NAME), next_mark(NAME))
    found = world.images.digests([("tyk", tag) for tag in tags])
    assert found["tyk", used_mark(NAME)] == found["tyk", "master"]
    assert found["tyk", next_mark(NAME)] == found["tyk", "new"]


def test_images_of_what_runs_already_are_marked_again(world: World) -> None:
    """So a run of this release marks what an earlier one has made."""
    made = world.run()
    world.images.unmark(["tyk", "tyk-pump"], [used_mark(NAME), next_mark(NAME)])
    assert world.run(spec_hash=made) == made
    assert used_mark(NAME) in world.images.tags("tyk")
    assert used_mark(NAME) in world.images.tags("tyk-pump")


def test_a_registry_that_refuses_marks_stops_nothing(world: World) -> None:
    world.run()
    world.images.problem = Denied("not for you")
    with capture_logs() as events:
        world.run(redeploys={})
    assert {e["event"] for e in events} >= {"images.not_marked"}


@pytest.mark.parametrize("redeploys", [{}, {"tyk": "1"}], ids=["kept", "redeployed"])
def test_a_reported_image_that_is_gone_falls_back_to_the_default_branch(
    world: World, redeploys: Mapping[str, str]
) -> None:
    """A build of another repository does not fail because of it."""
    world.run(tyk="new")
    _expire(world, "tyk")
    built = world.images.push("tyk-pump", "master", "another build")
    with capture_logs() as events:
        world.run(redeploys={**redeploys, "pump": "1"}, tyk="new")
    pump, tyk = world.made
    assert (tyk.version, tyk.gone, tyk.digest) == (
        "master",
        "new",
        world.images.digests([("tyk", "master")])["tyk", "master"],
    )
    assert (pump.digest, pump.gone) == (built, None)
    assert "image tyk:new is gone: master runs instead" in world.lines
    (gone,) = [e for e in events if e["event"] == "image.gone"]
    assert (gone["env"], gone["image"], gone["instead"]) == (NAME, "tyk:new", "master")
    labels = world.terraform.applied[-1].components["tyk"].labels
    assert labels["gromit.version"] == "master"


def test_a_fallback_is_the_image_of_the_branch_where_there_is_one(world: World) -> None:
    world.run(tyk="new")
    _expire(world, "tyk")
    world.images.push("tyk", "app-test")
    world.branch_tags = ("test", "app-test")
    world.run(tyk="new")
    assert [(c.version, c.gone) for c in world.made if c.name == "tyk"] == [("app-test", "new")]


def test_a_fallback_stays_until_its_image_is_gone_too_or_the_desired_one_is_back(
    world: World,
) -> None:
    world.run(tyk="new")
    _expire(world, "tyk")
    made = world.run(tyk="new")
    world.images.push("tyk", "master", "moved")
    assert world.run(spec_hash=made, tyk="new") == made, "the digest of the fallback is kept"
    _expire(world, "tyk")
    assert world.run(spec_hash=made, tyk="new") != made
    assert [(c.version, c.gone) for c in world.made if c.name == "tyk"] == [("master", "new")]
    world.images.push("tyk", "new", "built again")
    world.run(tyk="new")
    assert [(c.version, c.gone) for c in world.made if c.name == "tyk"] == [("new", None)]


def test_a_tag_that_has_another_image_by_now_takes_the_place_of_one_that_is_gone(
    world: World,
) -> None:
    world.run()
    gone = _expire(world, "pump")
    moved = world.images.push("tyk-pump", "master", "moved")
    world.run()
    assert [(c.digest, c.gone) for c in world.made if c.name == "pump"] == [(moved, None)]
    assert moved != gone


def test_without_any_fallback_the_desired_image_is_named(world: World) -> None:
    world.run(tyk="new")
    _expire(world, "tyk")
    world.images.remove("tyk", "master")
    with pytest.raises(InvalidInput, match="there is no image tyk:new in the registry"):
        world.run(tyk="new")


def test_a_parked_environment_keeps_the_version_whose_image_is_gone(world: World) -> None:
    world.run(tyk="new")
    _expire(world, "tyk")
    world.run(parked=True, tyk="new")
    assert [(c.version, c.digest, c.gone) for c in world.made if c.name == "tyk"] == [
        ("new", None, None)
    ]
    world.run(tyk="new")
    assert [(c.version, c.gone) for c in world.made if c.name == "tyk"] == [("master", "new")]


def test_a_redeployment_reads_again_what_was_read_in_the_pass(world: World) -> None:
    forgotten: list[int] = []
    world.sow = replace(world.sow, forget=lambda: forgotten.append(1))
    made = world.run()
    made = world.run(spec_hash=made, tyk="new")
    assert forgotten == []
    world.run(spec_hash=made, tyk="new", redeploys={"tyk": "1"})
    assert forgotten == [1]
