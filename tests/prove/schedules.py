"""Every single fault of every call that serve, sow and reap make in the life of an environment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random

import structlog.testing

from gromit.errors import GromitError
from tests.prove.ends import wrong_ends
from tests.prove.faults import Fault, Faults, ProcessKilled
from tests.prove.installation import GRACE_MS, Installation
from tests.prove.suite import Effort, Proof, Suite, Violation

NAME = "feature"
PASSES = 4
"""Passes of each part after the fault, within which all must be right."""
BETWEEN_MS = 7 * 3_600_000
"""Longer than the longest backoff."""
_QUICK_CASES = 20

Desired = dict[str, dict[str, str] | None]
Step = Callable[[Installation, Desired], None]


def _report(place: Installation, desired: Desired, *, repository: str, sha: str) -> None:
    versions = desired.get(NAME) or {}
    desired[NAME] = {**versions, repository: sha}
    _insist(lambda: place.build(repository, NAME, sha))


def _delete(place: Installation, desired: Desired) -> None:
    desired[NAME] = None
    _insist(lambda: place.operator.call("DELETE", f"/env/{NAME}"))


def _retry(place: Installation, _desired: Desired) -> None:
    with suppress(GromitError):
        place.operator.call("POST", f"/v1/environments/{NAME}/retry")


def _redeploy(place: Installation, _desired: Desired) -> None:
    body = {"component": "tyk", "mark": "mark-1"}
    _insist(lambda: place.operator.call("POST", f"/v1/environments/{NAME}/redeploy", body))


def _do(name: str, place: Installation, _desired: Desired) -> None:
    place.attempt(name)


def _let_grace_pass(place: Installation, _desired: Desired) -> None:
    place.now_ms += GRACE_MS + 1000


def _insist(request: Callable[[], object]) -> None:
    """Repeat a refused request once, as a person or a workflow does."""
    try:
        request()
    except GromitError:
        request()


def _do_while(
    name: str, place: Installation, desired: Desired, *, call: str, happens: Step
) -> None:
    """Do a pass, and let something happen before the first call of this name."""
    pending = [happens]

    def watch(made: str) -> None:
        if made == call and pending:
            pending.pop()(place, desired)

    place.faults.watch = watch
    try:
        place.attempt(name)
    finally:
        place.faults.watch = lambda _call: None


_sow, _reap, _publish = (partial(_do, name) for name in ("sow", "reap", "publish"))
_first = partial(_report, repository="tyk", sha="sha-1")
_second = partial(_report, repository="tyk", sha="sha-2")
_of_pump = partial(_report, repository="tyk-pump", sha="pump-1")
_sow_while_built = partial(_do_while, "sow", call="terraform.step", happens=_second)
_sow_while_deleted = partial(_do_while, "sow", call="terraform.step", happens=_delete)
_seed_while_deleted = partial(_do_while, "sow", call="hooks.look", happens=_delete)
_drop_while_built = partial(_do_while, "reap", call="hooks.look", happens=_second)
SCENARIOS: Mapping[str, tuple[Step, ...]] = {
    "build, sow, publish": (_first, _sow, _publish),
    "change": (_first, _sow, _second, _sow, _publish),
    "two repositories, redeploy": (_first, _of_pump, _sow, _redeploy, _sow, _publish),
    "newer build meanwhile": (_first, _sow_while_built, _sow, _publish),
    "deletion meanwhile": (_first, _sow_while_deleted, _let_grace_pass, _reap),
    "delete": (_first, _sow, _publish, _delete, _let_grace_pass, _reap),
    "revive": (_first, _sow, _delete, _second, _sow),
    "reborn": (_first, _sow, _delete, _let_grace_pass, _reap, _second, _sow, _publish),
    "deletion while a hook runs": (_first, _seed_while_deleted, _let_grace_pass, _reap),
    "build while a hook runs": (
        *(_first, _sow, _delete, _let_grace_pass, _drop_while_built, _sow, _publish),
    ),
    "retry": (_first, _sow, _second, _retry, _sow, _delete, _retry, _let_grace_pass, _reap),
}


@dataclass(slots=True)
class _Case:
    """One scenario with one fault."""

    scenario: str
    call: int
    fault: Fault
    name: str = ""
    struck: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.scenario}: call {self.call} ({self.name}) {self.fault}"

    def choose(self, number: int, name: str) -> Fault | None:
        """Return the fault at the call of this case."""
        if number != self.call:
            return None
        self.name = name
        return self.fault


def _search(effort: Effort) -> Proof:
    cases = [*_cases()]
    if effort.is_quick:
        cases = Random(effort.seed).sample(cases, _QUICK_CASES)
    violations: list[Violation] = []
    for number, case in enumerate(cases, 1):
        violations += [Violation(str(case), wrong) for wrong in run(case)]
        if number % 200 == 0:
            effort.say(f"{number} of {len(cases)} schedules, {len(violations)} wrong ends")
    return Proof(len(cases), tuple(violations), (f"{len(SCENARIOS)} scenarios",))


def _cases() -> Iterator[_Case]:
    """Yield every fault of every call of every scenario."""
    for scenario in SCENARIOS:
        faults = Faults()
        _play(scenario, faults)
        for number, name in enumerate(faults.calls, 1):
            for fault in Fault:
                # For a client, a serve that is killed is a lost answer or a refusal.
                if not (name.startswith(("table.", "registry.")) and fault in _KILLS):
                    yield _Case(scenario, number, fault)


_KILLS = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})


def run(case: _Case) -> list[str]:
    """Return what is wrong at the end of a case."""
    return _play(case.scenario, Faults(case.choose))


def _play(scenario: str, faults: Faults) -> list[str]:
    """Play a scenario, then let all parts work on; return what is wrong at the end."""
    desired: Desired = {}
    with Installation(faults) as place, structlog.testing.capture_logs():
        for step in SCENARIOS[scenario]:
            with suppress(ProcessKilled):
                step(place, desired)
        faults.choose = lambda _number, _call: None
        for _ in range(PASSES):
            place.now_ms += BETWEEN_MS
            for name in ("sow", "reap", "publish"):
                place.attempt(name)
        return list(wrong_ends(place, desired))


SUITE = Suite(
    "One fault of any call of serve, sow or reap never leads to a wrong end.",
    _search,
)
