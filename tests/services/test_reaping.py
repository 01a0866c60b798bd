"""Reaping of an environment; its row stays while any resource of it is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import Platform, StateHead, StateMark, placeholder_platform
from gromit.core.stack.hooks import Hook, HookKind, HookOutcome
from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.errors import (
    BackendError,
    Conflict,
    Denied,
    HookFailed,
    Suspended,
    Temporary,
    TerraformFailed,
)
from gromit.ports import Progress
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.hooks import HookPolicy, HookRunner
from gromit.services.image_keeping import ImageKeeper
from gromit.services.reaping import Reaper
from gromit.services.run_states import StateOfRun
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.hook_tasks import FakeHookTasks
from tests.fakes.images import FakeImages
from tests.fakes.platform import FakePlatform
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.services import FakeServices
from tests.fakes.states import FakeStates
from tests.fakes.terraform import FakeTerraform

NAME = "app-test"
LOCK = Lock(environment=NAME, id="lock-1", etag="etag-1")


@dataclass
class World:
    """A reaper whose ports are fakes, and an environment with a state and a config folder."""

    states: FakeStates = field(default_factory=FakeStates)
    resources: FakeEnvironmentResources = field(default_factory=FakeEnvironmentResources)
    platform: FakePlatform = field(default_factory=FakePlatform)
    clock: float = 0.0
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    retired: list[str] = field(default_factory=list)
    retire_fault: Temporary | None = None
    hooks: Mapping[HookKind, Hook] = field(default_factory=dict)
    tasks: FakeHookTasks = field(default_factory=FakeHookTasks)
    queue: FakeQueue = field(default_factory=FakeQueue)
    images: FakeImages = field(default_factory=FakeImages)

    def __post_init__(self) -> None:
        self.terraform = FakeTerraform(FakeServices(), self.states)
        self.states.heads[NAME] = HOLDING
        self.root.edit(NAME, "tyk", "tyk.conf", "{}")
        clear = Clearer(self.resources, ClearPolicy(60.0, 5.0, lambda: self.clock, self._pause))
        self.reap = Reaper(
            retire_records=self._retire,
            platform=self.platform,
            placeholder=placeholder_platform("eu-central-1"),
            root=self.root,
            terraform=self.terraform,
            clear=clear,
            hooks=HookRunner(
                catalogue=Catalogue(
                    {"tyk": Component(name="tyk", repository="tyk", hooks=self.hooks)}
                ),
                clear=clear,
                tasks=self.tasks,
                queue=self.queue,
                guard=self.root.check,
                policy=HookPolicy(2.0, lambda: self.clock, self._pause),
            ),
            states=self.states,
            keeper=ImageKeeper(self.images),
            repositories=("tyk",),
        )

    def run(self, kind: Work = Work.REAP) -> MadeStack:
        claim = a_claim(NAME, kind)
        return self.reap(claim, self.state(claim), lambda _line: None)

    def state(self, claim: Claim) -> StateOfRun:
        """Return the state of a run."""
        return StateOfRun(self.states, self.queue, claim, LOCK)

    def set_head(self, head: StateHead | None) -> None:
        self.states.heads.clear()
        if head is not None:
            self.states.heads[NAME] = head

    @property
    def is_kept(self) -> bool:
        return NAME in self.states.heads and self.root.text(NAME, "tyk", "tyk.conf") is not None

    def _pause(self, seconds: float) -> bool:
        self.clock += seconds
        return False

    def _retire(self, name: str, _progress: Progress) -> None:
        if self.retire_fault is not None:
            raise self.retire_fault
        self.retired.append(name)


HOLDING = StateHead(3, StateMark("lineage", 12))


@pytest.fixture
def world() -> World:
    return World()


def test_an_environment_goes_with_its_records_resources_state_and_config(world: World) -> None:
    world.run()
    assert (world.retired, world.terraform.destroyed, world.terraform.locks) == (
        [NAME],
        [NAME],
        [LOCK],
    )
    assert (world.states.heads, world.root.text(NAME, "tyk", "tyk.conf")) == ({}, None)


def test_what_is_gone_already_is_passed_over(world: World) -> None:
    world.run()
    world.run()
    assert world.terraform.destroyed == [NAME]


def test_what_is_wanted_is_not_destroyed(world: World) -> None:
    with pytest.raises(Conflict, match="is desired"):
        world.run(Work.SOW)
    assert (world.retired, world.terraform.destroyed, world.is_kept) == ([], [], True)


def test_records_that_cannot_be_removed_keep_all_the_rest(world: World) -> None:
    world.retire_fault = Temporary("throttled")
    with pytest.raises(Temporary):
        world.run()
    assert (world.terraform.destroyed, world.is_kept) == ([], True)


def test_a_destroy_that_fails_keeps_state_and_config(world: World) -> None:
    world.terraform.faults = [TerraformFailed("in use")]
    with pytest.raises(TerraformFailed):
        world.run()
    assert world.is_kept


LEFT = [
    Resource(kind=ResourceKind.SERVICE, id="app-test/tyk", component="tyk", parent=NAME),
    Resource(kind=ResourceKind.CLUSTER, id=NAME),
    Resource(kind=ResourceKind.DISCOVERY, id="srv-1", component="tyk"),
    Resource(kind=ResourceKind.RULE, id="sgr-1", parent="sg-1/egress"),
    Resource(kind=ResourceKind.GROUP, id="sg-1", component="tyk"),
    Resource(
        kind=ResourceKind.DEFINITION, id="arn:…:task-definition/app-test--tyk:1", component="tyk"
    ),
    Resource(kind=ResourceKind.ACCESS_POINT, id="fsap-1", component="tyk"),
    Resource(kind=ResourceKind.LOG_GROUP, id="/gromit/app-test"),
]
NO_STATE = pytest.mark.parametrize(
    "head",
    [HOLDING, None, StateHead(0, StateMark("3f0c", 4))],
    ids=["with a state", "struck before its first state", "with an emptied state"],
)


@NO_STATE
@pytest.mark.parametrize("left", LEFT, ids=lambda one: one.kind)
def test_what_no_state_contains_is_removed_whatever_its_kind(
    world: World, left: Resource, head: StateHead | None
) -> None:
    world.set_head(head)
    world.resources.existing[NAME] = [left]
    world.run()
    assert world.resources.removed == [left]
    assert (NAME in world.states.heads, world.root.text(NAME, "tyk", "tyk.conf")) == (False, None)


@NO_STATE
@pytest.mark.parametrize("left", LEFT, ids=lambda one: one.kind)
def test_an_environment_that_something_is_left_of_is_not_done(
    world: World, left: Resource, head: StateHead | None
) -> None:
    world.set_head(head)
    world.resources.existing[NAME] = [left]
    world.resources.in_use[left.id] = 100
    with pytest.raises(BackendError) as refused:
        world.run()
    assert f"{left.kind} {left.id}" in refused.value.message
    assert world.root.text(NAME, "tyk", "tyk.conf") is not None
    world.resources.in_use.clear()
    world.run()
    assert NAME not in world.states.heads


@pytest.mark.parametrize(
    "words", ["ResourceInUse: instances", "DependencyViolation", "ClusterContainsTasksException"]
)
def test_a_destroy_that_fails_over_what_is_in_use_is_repeated_in_the_same_run(
    world: World, words: str
) -> None:
    name = LEFT[2]
    world.resources.existing[NAME] = [name]
    world.terraform.faults = [TerraformFailed(f"terraform destroy: {words}")]
    world.run()
    assert (world.resources.removed, world.terraform.destroyed) == ([name], [NAME])
    assert NAME not in world.states.heads


def test_what_runs_outside_of_the_state_is_stopped_before_terraform_waits_for_it(
    world: World,
) -> None:
    task = Resource(kind=ResourceKind.TASK, id="arn:…:task/app-test/1", parent=NAME)
    service = replace(LEFT[0], id="app-test/gamma", component="gamma")
    world.resources.existing[NAME] = [task, service, *LEFT]
    world.set_head(replace(HOLDING, held={"aws_ecs_service.this": LEFT[0].key}))
    world.terraform.faults = [TerraformFailed("something else")]
    with pytest.raises(TerraformFailed):
        world.run()
    assert world.resources.removed == [task, service]


def test_a_platform_that_was_deleted_does_not_keep_an_environment(world: World) -> None:
    world.platform.platform = None
    world.resources.existing[NAME] = list(LEFT)
    world.run()
    assert world.terraform.destroyed == [NAME]
    assert {platform for _, platform in world.resources.looks} == {None}
    assert world.resources.existing[NAME] == []


def test_a_state_that_cannot_be_removed_keeps_the_config(world: World) -> None:
    world.states.faults["delete"] = [Conflict("the state still has 1 resources")]
    with pytest.raises(Conflict):
        world.run()
    assert world.root.text(NAME, "tyk", "tyk.conf") is not None


def test_records_go_first_and_the_config_last_whatever_is_left_from_an_earlier_try() -> None:
    journal: list[str] = []

    class Resources(FakeEnvironmentResources):
        def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
            journal.append("looked for what is left")
            return super().find(environment, platform)

        def in_cluster(self, environment: str) -> Sequence[Resource]:
            journal.append("looked for what runs")
            return super().in_cluster(environment)

    class States(FakeStates):
        def delete(self, environment: str) -> None:
            journal.append("state removed")
            super().delete(environment)

    class Root(FakeConfigRoot):
        def remove(self, environment: str) -> None:
            journal.append("config removed")
            super().remove(environment)

    world = World(states=States(), resources=Resources(), root=Root())
    reap = replace(world.reap, retire_records=lambda _name, progress: progress("records removed"))
    claim = a_claim(NAME, Work.REAP)
    reap(
        claim,
        world.state(claim),
        lambda line: journal.append(line) if not line.startswith("removing") else None,
    )
    rest = ["looked for what is left", "state removed", "config removed"]
    looked = "looked for what runs"
    assert journal == ["records removed", looked, "destroyed", *rest]
    journal.clear()
    claim = a_claim(NAME, Work.REAP)
    reap(
        claim,
        world.state(claim),
        lambda line: journal.append(line) if not line.startswith("removing") else None,
    )
    assert journal == ["records removed", *rest]


ON_REAP = Hook(command=("drop",), image="mongo:7", timeout_s=60)
HOOKED = [
    *LEFT,
    Resource(
        kind=ResourceKind.DEFINITION,
        id="arn:…:task-definition/app-test--tyk--on-reap:2",
        component="tyk",
        hook="on_reap",
    ),
]


def _with_hook(**changes: object) -> World:
    world = World(hooks={HookKind.ON_REAP: replace(ON_REAP, **changes)})  # type: ignore[arg-type]
    world.resources.existing[NAME] = list(HOOKED)
    return world


def test_a_hook_runs_when_the_services_have_ended_and_before_the_rest_is_destroyed() -> None:
    world = _with_hook()
    at_start: list[tuple[list[ResourceKind], list[str], list[str]]] = []
    world.tasks.on_start = lambda _task: at_start.append(
        (
            [resource.kind for resource in world.resources.removed],
            list(world.retired),
            list(world.terraform.destroyed),
        )
    )
    world.run()
    assert world.tasks.started == ["tyk on_reap"]
    assert at_start == [([ResourceKind.SERVICE], [NAME], [])]
    assert (world.terraform.destroyed, world.is_kept) == ([NAME], False)


def test_tasks_that_a_killed_worker_left_end_before_the_hook_runs() -> None:
    world = _with_hook()
    left = Resource(kind=ResourceKind.TASK, id="arn:…:task/1", parent=NAME, hook="on_create")
    world.resources.existing[NAME].append(left)
    at_start: list[bool] = []
    world.tasks.on_start = lambda _task: at_start.append(left in world.resources.removed)
    world.run()
    assert at_start == [True]


def test_a_required_hook_that_fails_keeps_the_environment_and_is_tried_again() -> None:
    world = _with_hook()
    world.tasks.outcomes["tyk"] = [HookOutcome(3, "exited")] * 3
    with pytest.raises(HookFailed, match="hook on_reap of tyk failed 3 times: exit code 3"):
        world.run()
    assert (len(world.tasks.started), world.terraform.destroyed, world.is_kept) == (3, [], True)
    world.run()
    assert (len(world.tasks.started), world.terraform.destroyed) == (4, [NAME])


def test_a_hook_that_is_not_required_does_not_keep_the_environment() -> None:
    world = _with_hook(required=False)
    world.tasks.outcomes["tyk"] = [HookOutcome(3, "exited")] * 3
    with capture_logs() as lines:
        world.run()
    assert [(e["component"], e["reason"]) for e in lines if e["event"] == "hook.failed"] == [
        ("tyk", "exit code 3")
    ]
    assert (world.terraform.destroyed, world.is_kept) == ([NAME], False)


@pytest.mark.parametrize(
    "fault",
    [Denied("ecs:RunTask is not allowed"), Temporary("no capacity"), BackendError("odd")],
    ids=["denied", "temporary", "other"],
)
def test_a_hook_that_aws_does_not_start_has_failed(fault: BackendError) -> None:
    world = _with_hook(required=False)
    world.tasks.faults = [fault] * 3
    world.run()
    assert (world.tasks.started, world.terraform.destroyed) == ([], [NAME])
    world = _with_hook()
    world.tasks.faults = [fault] * 3
    with pytest.raises(HookFailed, match=fault.message):
        world.run()


def test_a_hook_that_was_never_made_or_has_no_network_left_is_passed_over() -> None:
    world = _with_hook()
    world.resources.existing[NAME] = [r for r in HOOKED if r.hook is None]
    world.run()
    assert (world.tasks.started, world.terraform.destroyed) == ([], [NAME])
    world = _with_hook()
    world.platform.platform = None
    world.run()
    assert (world.tasks.started, world.terraform.destroyed) == ([], [NAME])


def test_without_hooks_aws_is_asked_nothing_more(world: World) -> None:
    world.run()
    assert len(world.resources.looks) == 1
    assert world.resources.running_looks == [NAME]


def test_from_the_first_hook_on_the_data_of_an_environment_counts_as_gone() -> None:
    world = _with_hook()
    world.tasks.faults = [Temporary("no capacity")] * 3
    claim = replace(a_claim(NAME, Work.REAP), hooks=("tyk",))
    with pytest.raises(HookFailed):
        world.reap(claim, world.state(claim), lambda _line: None)
    assert world.queue.hooks == {NAME: ()}


def test_a_suspension_stops_a_deletion_before_its_hook() -> None:
    world = _with_hook()
    world.root.fault = Suspended("paused")
    with pytest.raises(Suspended):
        world.run()
    assert (world.tasks.started, world.terraform.destroyed, world.is_kept) == ([], [], True)


def test_the_marks_of_an_environment_are_removed_from_all_repositories_that_it_uses(
    world: World,
) -> None:
    """Also from one that has left the catalogue since. Marks of others stay."""
    for repository in ("tyk", "tyk-old"):
        for tag in ("built", used_mark(NAME), next_mark(NAME), used_mark("other")):
            world.images.push(repository, tag, "same")
    old = MadeComponent(name="old", version="built", repository="tyk-old", digest="sha256:1")
    claim = replace(a_claim(NAME, Work.REAP), made=(old,))
    world.reap(claim, world.state(claim), lambda _: None)
    assert world.images.tags("tyk") == {"built", used_mark("other")}
    assert world.images.tags("tyk-old") == {"built", used_mark("other")}


@pytest.mark.parametrize("name", ["", "team-a"])
def test_the_marks_of_another_installation_stay(name: str) -> None:
    images = FakeImages()
    ours = {used_mark(NAME, name), next_mark(NAME, name), used_mark(NAME), next_mark(NAME)}
    theirs = {used_mark(NAME, "team-b"), next_mark(NAME, "team-b")}
    for tag in ("built", *ours, *theirs):
        images.push("tyk", tag, "same")
    ImageKeeper(images, name).release(NAME, ["tyk"])
    assert images.tags("tyk") == {"built", *theirs}


def test_no_two_pairs_of_names_share_a_mark() -> None:
    names = ("", "next", "a", "app")
    pairs = [(environment, name) for environment in names[1:] for name in names]
    marks = [mark(*pair) for pair in pairs for mark in (used_mark, next_mark)]
    assert len(set(marks)) == len(marks)


def test_a_registry_that_is_down_is_asked_again_and_one_that_forbids_it_is_not(
    world: World,
) -> None:
    world.images.problem = Temporary("the registry is down")
    with pytest.raises(Temporary):
        world.run()
    world.images.problem = Denied("not for you")
    with capture_logs() as events:
        world.run()
    assert [e["event"] for e in events if e["log_level"] == "warning"] == ["images.not_released"]


def test_a_registry_that_forbids_it_hides_no_other_one() -> None:
    images = FakeImages()
    images.forbidden = {"a-team", "tyk-gone"}
    for repository in ("a-team", "tyk", "tyk-gone", "tyk-pump"):
        images.push(repository, used_mark(NAME), "same")
    with capture_logs() as events:
        ImageKeeper(images).release(NAME, ["tyk", "tyk-gone", "a-team", "tyk-pump"])
    assert [images.tags(r) for r in ("tyk", "tyk-pump")] == [set(), set()]
    (event,) = events
    assert event["reason"] == "a-team is another team's; tyk-gone is another team's"
