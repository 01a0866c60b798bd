"""The life of three environments in one VPC and namespace, for the tests of `test_environments`.

It takes half a minute with one provider, so it happens once and the observations are kept.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.session import DEVENV
from gromit.core.environments.phases import Work
from gromit.core.environments.terraform_locks import Lock
from gromit.core.environments.worker_protocol import EndRun
from gromit.core.stack.contract import (
    ComponentInput,
    HookInput,
    Platform,
    StackInput,
    StackOutput,
)
from tests.contracts.terraform.cloud import REGION
from tests.contracts.terraform.guarded_runs import GuardedRuns, replaced_state, state_object
from tests.contracts.terraform.worlds import (
    World,
    component,
    kill,
    managed,
    provider_arguments,
    under,
)
from tests.waiting import wait_for

SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:licence"
DIGEST = "sha256:" + "1" * 64
HOOK = HookInput(image="redis:7", command=("sh", "-c", 'echo "${A}"'))


@dataclass(frozen=True, slots=True)
class Sight:
    """Resources of one environment in AWS."""

    services: Mapping[str, Mapping[str, Any]]
    definitions: Mapping[str, Mapping[str, Any]]
    hooks: Mapping[str, Mapping[str, Any]]
    """Container of each hook's task definition, by its family."""
    leftovers: tuple[str, ...]
    """Resources that reap finds before it removes a row."""
    groups: Mapping[str, Mapping[str, Any]]
    log_groups: tuple[str, ...]
    access_points: Mapping[str, Mapping[str, Any]]
    discovery: Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Life:
    """All observations."""

    names: tuple[str, str, str]
    outputs: Mapping[str, StackOutput] = field(default_factory=dict)
    made: Mapping[str, Sight] = field(default_factory=dict)
    locks_kept: bool = False
    second_plans: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, EndRun] = field(default_factory=dict)
    """Runs on the second environment while the state of the first is stored under its key."""
    unharmed: Mapping[str, Sight] = field(default_factory=dict)
    """Resources after them."""
    change: StackOutput | None = None
    changed: Mapping[str, Sight] = field(default_factory=dict)
    gone: Mapping[str, Sight] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    """Resources in each state at the end."""
    orphan: tuple[int, int] = (0, 0)
    """Security groups that exist, and those in the state, after a worker was killed."""
    providers: Sequence[Sequence[str]] = ()
    """Arguments of each provider that ran when the worker was killed."""


def environments(world: World, platform: Platform) -> tuple[StackInput, StackInput, StackInput]:
    """Return three environments with ambiguous joins: `x` + `y-web`, `x-y` + `web`."""
    engine = world.folder.name
    full = component(
        image=f"{platform.registry}/tyk@{DIGEST}",
        port=8181,
        command=("--conf", "/conf/tyk.conf"),
        config_path="/conf",
        environment={"B": "2", "A": "1", "QUOTED": 'say "hi" ${now}'},
        secrets={"LICENCE": SECRET},
        labels={"gromit.digest": DIGEST, "gromit.config": "abc"},
    )
    return (
        StackInput(
            name=f"sg-{engine}",
            platform=platform,
            components={
                "tyk": replace(full, hooks={"on_create": HOOK}),
                "redis": component(
                    public=False,
                    cpu=512,
                    memory=1024,
                    hooks={"on_create": HOOK, "on_reap": replace(HOOK, image="mongo:7")},
                ),
            },
        ),
        StackInput(
            name=f"x-{engine}",
            platform=platform,
            components={"y-web": component(public=False, port=None)},
        ),
        StackInput(
            name=f"x-{engine}-y", platform=platform, components={"web": component(port=3000)}
        ),
    )


def live(world: World, platform: Platform) -> Life:
    """Create all at once, plan again, change the second, destroy all; kill a worker."""
    three = environments(world, platform)
    life = Life((three[0].name, three[1].name, three[2].name))
    with world.runner() as runner, ThreadPoolExecutor(4) as pool:
        orphan = pool.submit(_orphan, world, platform, life)
        locks = {one.name: world.lock(one.name) for one in three}
        outputs = pool.map(
            lambda one: runner.apply(one, locks[one.name], lambda _line: None), three
        )
        life.outputs = dict(zip(life.names, outputs, strict=True))
        life.made = {name: look(world, name) for name in life.names}
        life.locks_kept = all(_is_kept(world, lock) for lock in locks.values())
        for lock in locks.values():
            world.bucket().unlock(lock)
        codes = pool.map(
            lambda one: runner.run_for_person(one, ["plan", "-detailed-exitcode", "-no-color"]),
            three,
        )
        life.second_plans = dict(zip(life.names, codes, strict=True))
        life.refusals = _run_on_a_foreign_state(world, runner, three)
        life.unharmed = {name: look(world, name) for name in life.names}
        locks = {one.name: world.lock(one.name) for one in three}
        changed = replace(three[1], components={"y-web": _newer(three[1].components["y-web"])})
        life.change = runner.apply(changed, locks[changed.name], lambda _line: None)
        life.changed = {name: look(world, name) for name in life.names}
        nothing = [replace(one, components={}) for one in three]
        list(
            pool.map(lambda one: runner.destroy(one, locks[one.name], lambda _line: None), nothing)
        )
        life.gone = {name: look(world, name) for name in life.names}
        heads = {name: world.bucket().head(name) for name in life.names}
        life.left = {name: head.resources for name, head in heads.items() if head}
        life.orphan = orphan.result()
    return life


def _run_on_a_foreign_state(
    world: World, runner: Terraform, three: Sequence[StackInput]
) -> Mapping[str, EndRun]:
    first, second, _ = three
    runs = GuardedRuns(world, runner)
    with replaced_state(world, second.name, state_object(world, first.name)):
        return {kind: runs.run(second, kind) for kind in Work}


def look(world: World, environment: str) -> Sight:
    """Find the resources of an environment in AWS by their names."""
    ecs, ec2, efs = (world.cloud.client(s) for s in ("ecs", "ec2", "efs"))
    clusters = ecs.describe_clusters(clusters=[environment])["clusters"]
    services: dict[str, Any] = {}
    if [c for c in clusters if c["status"] == "ACTIVE"] and (
        arns := ecs.list_services(cluster=environment)["serviceArns"]
    ):
        found = ecs.describe_services(cluster=environment, services=arns, include=["TAGS"])[
            "services"
        ]
        services = {s["serviceName"]: s for s in found if s["status"] == "ACTIVE"}
    definitions = {
        name: ecs.describe_task_definition(taskDefinition=s["taskDefinition"])["taskDefinition"]
        for name, s in services.items()
    }
    groups = ec2.describe_security_groups(Filters=[{"Name": "tag:env", "Values": [environment]}])[
        "SecurityGroups"
    ]
    points = [
        p
        for p in efs.describe_access_points()["AccessPoints"]
        if p["RootDirectory"]["Path"].startswith(f"/{environment}/")
    ]
    discovered = world.cloud.client("servicediscovery").list_services()["Services"]
    logs = world.cloud.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/gromit/{environment}"
    )["logGroups"]
    return Sight(
        services=services,
        definitions=definitions,
        hooks=_hooks(ecs, environment),
        leftovers=tuple(map(str, world.resources().find(environment, None))),
        groups={g["GroupName"]: g for g in groups},
        log_groups=tuple(
            g["logGroupName"] for g in logs if g["logGroupName"] == f"/gromit/{environment}"
        ),
        access_points={p["RootDirectory"]["Path"]: p for p in points},
        discovery={s["Name"]: s for s in discovered if s["Name"].endswith(f".{environment}")},
    )


def _hooks(ecs: Any, environment: str) -> Mapping[str, Mapping[str, Any]]:
    described = (
        ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        for arn in ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
        if f"/{environment}--" in arn and "--on-" in arn
    )
    return {d["family"]: d["containerDefinitions"][0] for d in described}


def _is_kept(world: World, lock: Lock) -> bool:
    found = world.bucket().find_lock(lock.environment)
    return found is not None and (found.id, found.etag) == (lock.id, lock.etag)


def _newer(given: ComponentInput) -> ComponentInput:
    return replace(given, image="redis:8")


def _orphan(world: World, platform: Platform, life: Life) -> tuple[int, int]:
    """Kill a worker during an apply with the real provider, and wait for its terraform to end."""
    stack = StackInput(
        name=f"orphan-{world.folder.name}", platform=platform, components={"redis": component()}
    )
    with world.spawn("apply", DEVENV, stack) as worker:
        assert worker.stdout is not None
        lock_id = worker.stdout.readline().strip()
        for line in worker.stdout:
            if line.startswith("aws_security_group.this"):
                break
        life.providers = provider_arguments(lock_id)
        kill(worker)
    wait_for("the end of its terraform", lambda: not under(lock_id), seconds=60)
    existing = look(world, stack.name).groups
    return len(existing), managed(world.state(stack.name)).count("aws_security_group.this")
