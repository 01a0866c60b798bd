"""Cost of Terraform for a first apply and for a change of an image, beside a bare one.

The bare way is that of a pipeline: `init`, `workspace select` and `apply`, in a new folder each.
Both ways use the same Terraform, provider and emulator, in the same run. CPU time is that of
Terraform and its provider, without that of the emulator.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gromit.adapters.terraform import guard, provider_mirror
from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.session import DEVENV
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack import terraform as core
from gromit.core.stack.contract import Platform, StackInput
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.contracts.terraform.cloud import Cloud, running_cloud
from tests.contracts.terraform.worlds import World, component
from tests.platform.control.recorder import Recorder

CHANGES = (2, 4, 8)
CHANGE_MOST, FIRST_MOST, CALLS_MOST = 0.5, 0.9, 3
OWN_CALLS = 8
"""Calls of sow itself for a change of an image, see the law `worker_calls`."""
GROWTH = "100"
"""Go's own setting of its garbage collector, which a pipeline has; that of the tests differs."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one change."""

    elapsed_s: float
    cpu_s: float
    calls: int


@dataclass(slots=True)
class Bench:
    """One emulated AWS with both ways to change an environment."""

    world: World
    recorder: Recorder
    platform: Platform
    runner: Terraform
    mirror: Path
    locks: dict[str, Lock] = field(default_factory=dict)

    def stack(self, name: str, tag: str) -> StackInput:
        """Return an environment of two components, one of them with this image."""
        components = {
            "alpha": component(port=8181, image=f"redis:{tag}"),
            "beta": component(port=8182, public=False, config_path="/conf"),
        }
        return StackInput(name=name, platform=self.platform, components=components)

    def ours(self, name: str, tag: str, *, refresh: bool) -> Cost:
        """Return the cost of an apply as sow does it."""
        if name not in self.locks:
            self.locks[name] = self.world.lock(name)
        stack, lock = self.stack(name, tag), self.locks[name]
        return self._cost(lambda: self.runner.apply(stack, lock, _silent, refresh=refresh))

    def bare(self, name: str, tag: str) -> Cost:
        """Return the cost of an apply as a pipeline does it."""
        return self._cost(lambda: self._pipeline(self.stack(name, tag)))

    def _cost(self, act: Callable[[], object]) -> Cost:
        self.recorder.calls.clear()
        began_s, cpu_s = time.monotonic(), _cpu_s()
        act()
        seconds = time.monotonic() - began_s
        return Cost(seconds, _cpu_s() - cpu_s, len(self.recorder.calls))

    def _program(self) -> list[str]:
        """Return the command, with which the provider starts as usual."""
        if self.world.command != guard.EMBEDDED:
            return [self.world.command]
        return [sys.executable, "-I", str(guard.__file__), str(os.getpid()), guard.EMBEDDED]

    def _pipeline(self, stack: StackInput) -> None:
        with tempfile.TemporaryDirectory(dir=self.world.folder) as place:
            folder, config = Path(place, "stack"), Path(place, "terraform.rc")
            shutil.copytree(DEVENV, folder, ignore=shutil.ignore_patterns(".terraform*"))
            for file in self.world.cloud.overlay(self.world.folder / "overlay").glob("*.tf"):
                shutil.copy(file, folder)
            (folder / core.INPUTS_FILE).write_text(core.inputs_json(stack))
            Path(place, core.BACKEND_FILE).write_text(core.backend_file(self.world.setup().backend))
            config.write_text(core.cli_config(str(self.mirror)))
            call = core.TerraformCall(cli_config=str(config), data_dir=str(folder / ".terraform"))
            environ = {**core.child_environment(self.world.cloud.environ, call), "GOGC": GROWTH}
            for arguments in (
                core.init_arguments(own_lock=True),
                ("workspace", "select", "-or-create", stack.name),
                ("apply", "-input=false", "-auto-approve"),
            ):
                subprocess.run(
                    [*self._program(), *arguments],
                    cwd=folder,
                    env=environ,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _silent(_line: str) -> None:
    """Show no progress."""


@contextmanager
def _bench(folder: Path, command: str, mirror: Path) -> Iterator[Bench]:
    os.environ.setdefault("GOGC", GROWTH)  # which the tests of Terraform set
    with running_cloud() as direct, Recorder(direct.url) as recorder:
        cloud = Cloud(recorder.url)
        world = World(cloud, command, mirror, folder, provider_mirror.user_cache(os.environ))
        environ = {name: value for name, value in cloud.environ.items() if name != "GOGC"}
        with world.runner(environ=environ) as runner:
            yield Bench(world, recorder, cloud.platform(), runner, mirror)


def _ratio(ours: Sequence[Cost], bare: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    return statistics.median(map(of, ours)) / statistics.median(map(of, bare))


def _engines() -> Iterator[tuple[str, str, Path]]:
    """Yield name, command and provider of each Terraform of this machine."""
    if bundle := provider_mirror.find_bundle():
        cache = provider_mirror.user_cache(os.environ)
        yield "3.39", guard.EMBEDDED, provider_mirror.ensure_unpacked(bundle, cache)
    program, mirror = shutil.which("terraform"), os.environ.get("GROMIT_TEST_MIRROR")
    if program and mirror:
        versions = provider_mirror.aws_versions(Path(mirror))
        yield ", ".join(versions), program, Path(mirror)


def _goals(extent: Extent, provider: str, bench: Bench) -> Iterator[Goal | tuple[float, float]]:
    """Yield the goals with one provider, and the CPU time of all changes by their number."""
    extent.say(f"provider {provider}: first applies")
    bench.ours("warm", "1", refresh=True)  # with the `init` of all runs
    first = [bench.ours("first", "1", refresh=True)], [bench.bare("bare", "1")]
    changes: list[Cost] = []
    bare: list[Cost] = []
    for number in range(extent.sizes(*CHANGES)[-1]):
        extent.say(f"provider {provider}: change {number + 1}")
        changes.append(bench.ours("first", f"n{number}", refresh=False))
        bare.append(bench.bare("bare", f"n{number}"))
        yield number + 1.0, sum(cost.cpu_s for cost in changes)
    for what, most, ours, other in (
        ("a change of an image", CHANGE_MOST, changes, bare),
        ("a first apply", FIRST_MOST, *first),
    ):
        for measure, of in (("CPU time", _cpu), ("time", _elapsed)):
            yield Goal(
                what=f"{measure} of {what}, beside a bare one, provider {provider}",
                unit="times",
                limit=most,
                measured=_ratio(ours, other, of),
            )
    calls = (statistics.median(cost.calls for cost in costs) for costs in (changes, bare))
    yield Goal(
        what=f"calls of sow and Terraform beyond a bare change of an image, provider {provider}",
        unit="calls",
        limit=CALLS_MOST,
        measured=OWN_CALLS + next(calls) - next(calls),
    )


def _cpu(cost: Cost) -> float:
    return cost.cpu_s


def _elapsed(cost: Cost) -> float:
    return cost.elapsed_s


def _measure(extent: Extent) -> Measured:
    goals: list[Goal] = []
    curves: list[Curve] = []
    for provider, command, mirror in _engines():
        points: list[tuple[float, float]] = []
        folder = extent.folder / provider
        folder.mkdir()
        with _bench(folder, command, mirror) as bench:
            for found in _goals(extent, provider, bench):
                if isinstance(found, Goal):
                    goals.append(found)
                else:
                    points.append(found)
        cost = "CPU time of Terraform and provider for all, s"
        curves.append(Curve("changes", cost, tuple(points), LINEAR, f"provider {provider}"))
    if not curves:
        raise SystemExit("there is no provider: install gromit[local]")
    return Measured(tuple(goals), curves[0], tuple(curves[1:]))


LAW = Law(
    "A change of an image costs half of what a pipeline's own Terraform costs, or less.", _measure
)
