"""Checks of what grows with the environments and has no quota: addresses, rates, own processes."""

from collections.abc import Callable, Sequence
from functools import partial

from gromit.core.doctor.capacity import (
    PRIVATE_ADDRESSES,
    PUBLIC_ADDRESSES,
    address_use,
    core_use,
    judge_capacity,
    judge_quota_failures,
    judge_rates,
    memory_use,
    rate_uses,
)
from gromit.core.doctor.findings import Check, Finding, skipped
from gromit.core.doctor.installation import ExpectedInstallation
from gromit.core.doctor.quotas import QuotaThresholds
from gromit.core.rates.demand import EnvironmentShape
from gromit.core.stack.catalogue import Catalogue
from gromit.ports.installation import InstallationFacts
from gromit.services.doctor_check import DoctorCheck, on_aws

_Count = Callable[[], int | None]


class CapacityChecks:
    """Checks of quotas that were hit, and of capacities."""

    def __init__(
        self, facts: InstallationFacts, expected: ExpectedInstallation, catalogue: Catalogue
    ) -> None:
        self._facts = facts
        self._expected = expected
        components = catalogue.components.values()
        self._shape = EnvironmentShape(len(components), sum(c.public for c in components))

    def checks(self, environments: _Count) -> list[DoctorCheck]:
        """Return the checks; `environments` is their number, or None if it is not known."""
        addresses = partial(self._addresses, environments)
        return [
            DoctorCheck(check=Check.QUOTA_HIT, run=self._hits, needs=(Check.SERVE,), optional=True),
            on_aws(Check.ADDRESSES, addresses, Check.PLATFORM, optional=True),
            DoctorCheck(
                check=Check.RATES, run=partial(self._rates, environments), needs=(Check.SERVE,)
            ),
            DoctorCheck(
                check=Check.SERVE_CPU,
                run=partial(self._core, environments),
                needs=(Check.SERVE,),
                optional=True,
            ),
            DoctorCheck(check=Check.MEMORY, run=self._memory, needs=(Check.SERVE,), optional=True),
        ]

    def _hits(self) -> Sequence[Finding]:
        return judge_quota_failures(self._facts.quota_failures())

    def _addresses(self, environments: _Count) -> Sequence[Finding]:
        platform, found = self._facts.platform(), self._facts.subnet_addresses()
        shape, count = self._shape, environments() or 0
        pools = (
            (PUBLIC_ADDRESSES, platform.public_subnets, shape.public),
            (PRIVATE_ADDRESSES, platform.private_subnets, shape.components - shape.public),
        )
        uses = [
            address_use(name, [found[s] for s in subnets if s in found], each, count)
            for name, subnets, each in pools
            if each
        ]
        return judge_capacity(Check.ADDRESSES, uses, self._expected.quotas)

    def _rates(self, environments: _Count) -> Sequence[Finding]:
        count = environments()
        if count is None:
            return [skipped(Check.RATES, "serve does not say how many environments there are")]
        uses = rate_uses(self._shape, self._expected.activity, count)
        return judge_rates(uses, self._expected.quotas)

    def _core(self, environments: _Count) -> Sequence[Finding]:
        cpu = self._facts.platform_load().cpu
        if cpu is None:
            return [skipped(Check.SERVE_CPU, "serve has not measured its CPU time yet")]
        use = core_use(cpu, environments() or 0)
        return judge_capacity(Check.SERVE_CPU, [use], self._expected.quotas)

    def _memory(self) -> Sequence[Finding]:
        memories = self._facts.platform_load().memories
        if not memories:
            return [skipped(Check.MEMORY, "no pass of sow or reap has reported its memory yet")]
        uses = [memory_use(part, memory) for part, memory in sorted(memories.items())]
        # The peaks of all terraforms at once are the worst case: they may fill the memory.
        quotas = self._expected.quotas
        thresholds = QuotaThresholds(percent=100, environments=None, warn_percent=quotas.percent)
        return judge_capacity(Check.MEMORY, uses, thresholds)
