"""Lives of environments whose workers are killed, each compared with the whole emulated account."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gromit.core.environments.phases import Work
from gromit.local.cloud.overlay import write_overlay
from tests.e2e.ground import CATALOGUE, emulated_aws
from tests.e2e.processes import Process
from tests.e2e.stage import Stage, installation
from tests.prove.census import Census, kinds
from tests.prove.deaths import Manner, strike, survivors
from tests.prove.strike_proxy import Moment, Request, StrikeProxy
from tests.waiting import wait_for

_RUNS_TRIED = 4
"""Runs after which a life is given up."""
_PASSES_TRIED = 40
"""Passes, also those in which nothing was due yet, because a lease has to end first."""
_RUN_S = 180
_SETTLE_S = 30
_SETTINGS = {
    "GROMIT_LEASE_TTL": "3s",
    "GROMIT_LEASE_RENEW": "1s",
    "GROMIT_SOW_RETRY": "1s",
    "GROMIT_SOW_RETRY_MAX": "1s",
    "GROMIT_SOW_SETTLE": "60s",
    "GROMIT_SOW_PARALLEL": "1",
}


class Part(StrEnum):
    """Part of a life in which a worker can be killed."""

    APPLY = "first apply"
    CHANGE = "change"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill."""

    part: Part
    manner: Manner
    moment: Moment

    def __str__(self) -> str:
        when = "after" if self.moment.is_after else "before"
        sender = " of terraform" if self.moment.only_terraform else ""
        return f"{self.manner}, {when} event {self.moment.number}{sender} in the {self.part}"


@dataclass(frozen=True, slots=True)
class LifePlan:
    """One environment and the kills in its life."""

    kills: tuple[Kill, ...]
    is_deleted_at_once: bool = False
    """Whether it is deleted straight after the first kill."""
    parts: tuple[Part, ...] = tuple(Part)

    def __str__(self) -> str:
        then = "; then deleted at once" if self.is_deleted_at_once else ""
        return "; ".join(map(str, self.kills)) + then


@dataclass(frozen=True, slots=True)
class Killed:
    """A kill that happened."""

    kill: Kill
    at: Request
    runs: int
    """Runs after it until all was as desired."""


_COMPONENT = {
    "aws_ecs_service": 1, "aws_ecs_task_definition": 1, "aws_network_interface": 1,
    "aws_security_group": 1, "aws_service_discovery_service": 1, "security group rule": 2,
    "task": 1, "instance of Cloud Map": 1,
}  # fmt: skip
READY: Mapping[str, int] = {
    **{kind: 2 * number for kind, number in _COMPONENT.items()},
    "aws_cloudwatch_log_group": 1,
    "aws_ecs_cluster": 1,
    "aws_efs_access_point": 1,
    "S3 object": 1,
}
"""Things that an environment with two components has, one of them with config: no lock, no more."""
_MANAGED = 15
"""Resources in its state."""


@dataclass(slots=True)
class KillLane:
    """One emulated account with one serve, in which lives follow each other."""

    stage: Stage
    folder: Path
    census: Census
    empty: frozenset[tuple[str, str]]
    """All that exists without an environment."""
    killed: list[Killed] = field(default_factory=list)
    missed: list[Kill] = field(default_factory=list)
    """Kills whose moment did not come before the run ended."""
    _count: int = 0

    def live(self, plan: LifePlan) -> None:
        """Live a life; raises `AssertionError` for what contradicts the claim."""
        name = self._new_name()
        open_kills: list[tuple[Kill, Request]] = []
        for part in plan.parts:
            if open_kills and part is not Part.DESTROY:
                continue  # it is deleted at once
            self._begin(part, name)
            kill = next((kill for kill in plan.kills if kill.part is part), None)
            if kill is not None and (at := self._strike(kill, name)):
                open_kills.append((kill, at))
                if plan.is_deleted_at_once and part is not Part.DESTROY:
                    continue
            runs = self._until_done(part, name)
            self._check(part, name)
            self.killed += [Killed(kill, at, runs) for kill, at in open_kills]
            open_kills.clear()

    def events(self) -> Mapping[Part, list[Request]]:
        """Return the events of each part of a life without kills."""
        name, found = self._new_name(), {}
        for part in Part:
            self._begin(part, name)
            with self._worker(part, name, None, Manner.ALL) as (proxy, worker):
                worker.ended(0, _RUN_S)
            found[part] = proxy.log.events
            self._check(part, name)
        return found

    def _new_name(self) -> str:
        self._count += 1
        return self.stage.env(f"app{self._count}")

    def _begin(self, part: Part, name: str) -> None:
        """Ask for what the part makes."""
        if part is Part.DESTROY:
            self._pass_dns()
            self.stage.delete(name)
        else:
            self.stage.build("alpha", name)

    def _pass_dns(self) -> None:
        """Publish records of what runs, so that a deletion has some to remove."""
        _wait(self.stage.start("chitragupta", self.stage.root))

    def _strike(self, kill: Kill, name: str) -> Request | None:
        """Kill a run; return the request at which it was, None if its moment did not come."""
        with self._worker(kill.part, name, kill.moment, kill.manner) as (proxy, worker):
            _wait(worker)
        if proxy.struck is None:
            self.missed.append(kill)
        return proxy.struck

    @contextmanager
    def _worker(
        self, part: Part, name: str, moment: Moment | None, manner: Manner
    ) -> Iterator[tuple[StrikeProxy, Process]]:
        """Run a worker behind a proxy; wait until nothing of it is left."""
        locks: set[str] = set()

        def lock() -> str | None:
            found = self.stage.lock(name)
            locks.update([found["ID"]] if found else [])
            return found["ID"] if found else None

        started: list[Process] = []
        with StrikeProxy(
            self.stage.facts.url("aws"),
            moment,
            lambda request: strike(manner, started[0].pid, lock, request),
        ) as proxy:
            overlay = self.folder / f"overlay-{proxy.url.rpartition(':')[2]}"
            write_overlay(overlay, proxy.url)
            variables = {"AWS_ENDPOINT_URL": proxy.url, "GROMIT_TERRAFORM_OVERLAY": str(overlay)}
            started.append(self._start(part, **variables))
            try:
                yield proxy, started[0]
                lock()
                wait_for(
                    f"the end of all processes after {manner}",
                    lambda: not any(survivors(started[0].pid, one) for one in locks or {""}),
                    _RUN_S,
                )
            finally:
                started[0].close()

    def _start(self, part: Part, **variables: str) -> Process:
        kind = Work.REAP if part is Part.DESTROY else Work.SOW
        if part is Part.CHANGE:
            variables["GROMIT_CATALOGUE"] = str(CATALOGUE.with_name("changed.yaml"))
        return self.stage.start(kind, self.stage.root, **variables)

    def _until_done(self, part: Part, name: str) -> int:
        """Run passes until the environment is as desired; return the number of its runs."""
        desired, runs, said = "gone" if part is Part.DESTROY else "ready", 0, ""
        for _ in range(_PASSES_TRIED):
            # A worker may die between its report and its unlock. A later pass removes the lock.
            if self.stage.phase(name) == desired and self.stage.lock(name) is None:
                return runs
            assert runs < _RUNS_TRIED, f"not {desired} after {runs} runs:\n{said}"
            worker = self._start(part)
            _wait(worker)
            ended = worker.events("run.finished", env=name)
            runs += len(ended)
            said += "".join(f"{e['ending']}: {e['problem']}\n" for e in ended)
            worker.close()
        raise AssertionError(f"not {desired}: {self.stage.look(name)}\n{said}")

    def _check(self, part: Part, name: str) -> None:
        """Compare the whole account with what has to exist."""
        if part is Part.DESTROY:
            self._wait_for_census({}, f"{name} is gone")
            assert not self.stage.config_folder(name), "its config files are left"
            return
        self._wait_for_census(READY, f"{name} is ready")
        resources = self.stage.resources(name)
        assert resources == _MANAGED, f"the state has {resources} resources"

    def _wait_for_census(self, expected: Mapping[str, int], what: str) -> None:
        try:
            wait_for(what, lambda: not self._differences(expected), _SETTLE_S)
        except AssertionError:
            found = "\n".join(self._differences(expected))
            raise AssertionError(f"{what}, but it differs:\n{found}") from None

    def _differences(self, expected: Mapping[str, int]) -> list[str]:
        now = self.census.all()
        added = now - self.empty
        numbers = kinds(added)
        lost = [f"lost: {kind} {id_}" for kind, id_ in sorted(self.empty - now)]
        return lost + [
            f"{kind}: {numbers.get(kind, 0)} instead of {expected.get(kind, 0)}:"
            f" {', '.join(sorted(id_ for k, id_ in added if k == kind))}"
            for kind in sorted({*numbers, *expected})
            if numbers.get(kind, 0) != expected.get(kind, 0)
        ]


def _wait(process: Process) -> None:
    """Wait for the end of a process, whatever its exit code."""
    try:
        process.popen.wait(_RUN_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"a pass has not ended within {_RUN_S} s:\n{process.err}") from None


@contextmanager
def lane(folder: Path, settings: Mapping[str, str]) -> Iterator[KillLane]:
    """Run an account and a serve during the block."""
    with (
        emulated_aws(folder) as ground,
        installation(ground, "kills", {**_SETTINGS, **settings}) as stage,
    ):
        stage.serve()
        census = Census.of(stage.client)
        yield KillLane(stage, folder, census, census.all())
