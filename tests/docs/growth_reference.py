"""Make the page of limits up to 100,000 environments (`make docs`), on paper and computed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from gromit.adapters.catalogue import file as catalogue_file
from gromit.config.load import load_settings
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota, per_environment
from gromit.core.rates.aws_rates import AWS_RATES, AwsRate
from gromit.core.rates.demand import (
    Activity,
    EnvironmentShape,
    calls_per_second,
    environments_allowed,
    pass_calls,
)

SIZES = (100, 1_000, 10_000, 100_000)
ACTIVITY = Activity(builds_per_hour=0.125, lives_per_day=0.1)
"""A build in a working day for each environment, which lives for ten days."""
RUN_S = 90
"""Length of a run: Terraform, and a rollout."""
TERRAFORMS = (4096 - 256) // 640
"""Terraforms of one task of sow of the default size."""
BUILD_MS, RUN_MS, LISTED_MS = 5.0, 18.0, 0.42
"""CPU time of serve: for a build, for the claim and outcome of a run, and for a listed row."""
RENEWAL_MS = 2.0
ROW_KB = 5
ZONES = 3
SUBNET = 2**12 - 5
"""Addresses of a subnet, a sixteenth of a VPC /16, without the five that AWS takes."""
PARTITION_WRITES = 1_000
"""Writes of 1 KB that one key of a table or index takes in a second."""
TABLE_WRITES = 40_000
"""Default of writes in a second of a table that is billed by use."""
ADDRESS_UNITS = 64_000
"""Default of the network address units of a VPC; an interface takes one."""
LOG_GROUPS = 1_000_000
OBJECT_WRITES = 3_500
"""Writes in a second that S3 takes below one prefix."""
WRITES_OF_RUN = 6
"""Objects that a run writes or deletes in the bucket: its lock, and its state twice."""


@dataclass(frozen=True, slots=True)
class GrowthLimit:
    """A limit, and the number of environments at which it is reached."""

    what: str
    limit: str
    need: str
    environments: int
    then: str


def shape() -> EnvironmentShape:
    """Return the environments of the shipped catalogue."""
    components = catalogue_file.load_catalogue(None, None).components.values()
    return EnvironmentShape(len(components), sum(c.public for c in components))


def counted() -> Sequence[GrowthLimit]:
    """Return the limits of what exists at once, the tightest one first."""
    return sorted((*_quotas(), *_places()), key=lambda limit: limit.environments)


_THEN: Mapping[Quota, str] = {
    Quota.VCPU: "raise it",
    Quota.INSTANCES: "raise it; the records of the namespace's zone have the same number",
    Quota.GROUPS: "raise it",
    Quota.INTERFACES: "raise it",
    Quota.ACCESS_POINTS: "another file system, so another installation",
    Quota.RECORDS: "raise it, at a price for each record; or another zone, so another installation",
    Quota.CLUSTERS: "raise it; or another region or account, so another installation",
}


def _quotas() -> Iterator[GrowthLimit]:
    needs = per_environment(catalogue_file.load_catalogue(None, None))
    for quota, default in DEFAULT_LIMITS.items():
        need = needs[quota]
        if need:
            yield GrowthLimit(
                default.title,
                f"{default.limit:,}",
                _number(need),
                floor(default.limit / need),
                _THEN[quota],
            )


def _places() -> Iterator[GrowthLimit]:
    each = shape()
    for kind, need in (("public", each.public), ("private", each.components - each.public)):
        yield GrowthLimit(
            f"addresses of {ZONES} {kind} subnets of a VPC /16",
            f"{ZONES * SUBNET:,}",
            str(need),
            ZONES * SUBNET // need,
            "another VPC, so another installation",
        )
    yield GrowthLimit(
        "network address units of the VPC",
        f"{ADDRESS_UNITS:,}",
        str(each.components),
        ADDRESS_UNITS // each.components,
        "raise it to 256,000",
    )
    yield GrowthLimit("log groups", f"{LOG_GROUPS:,}", "1", LOG_GROUPS, "raise it")


def paced() -> Sequence[GrowthLimit]:
    """Return the limits of what happens in a second, the tightest one first."""
    found = [*_rates(), *_own_rates()]
    return sorted(found, key=lambda limit: limit.environments)


def _rates() -> Iterator[GrowthLimit]:
    each = shape()
    for rate in AwsRate:
        calls = calls_per_second(each, ACTIVITY, 1_000)[rate]
        then = "another account or region, so another installation"
        if rate is AwsRate.ROUTE53:
            then = f"{then}; all zones of an account share it"
        yield GrowthLimit(
            AWS_RATES[rate].title,
            _number(Fraction(AWS_RATES[rate].rate.per_second)),
            f"{calls:.2f}",
            environments_allowed(each, ACTIVITY, rate),
            then,
        )


def _own_rates() -> Iterator[GrowthLimit]:
    yield _per_second(
        "writes of the key `sow` in the index `work`",
        PARTITION_WRITES,
        index_writes,
        "a key with a number behind it: shards of the index, which looks ask in turn",
    )
    yield _per_second("writes of the table", TABLE_WRITES, table_writes, "raise it")
    yield _per_second(
        "writes of one prefix in the bucket of states",
        OBJECT_WRITES,
        lambda environments: runs_per_second(environments) * WRITES_OF_RUN,
        "S3 divides busy prefixes by itself",
    )
    yield _per_second(
        "seconds of CPU of one core of serve",
        1,
        serve_cores,
        "`serve_tasks`, up to 4",
    )


def _per_second(what: str, limit: int, need: Callable[[int], float], then: str) -> GrowthLimit:
    reached = _largest(lambda environments: need(environments) <= limit)
    return GrowthLimit(what, f"{limit:,}", f"{need(1_000):.2f}", reached, then)


def _largest(is_enough: Callable[[int], bool]) -> int:
    """Return the largest number for which something holds that ends to hold once."""
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_enough(middle) else (low, middle)
    return low


def builds_per_second(environments: int) -> float:
    """Return the builds that are reported."""
    return environments * ACTIVITY.builds_per_hour / 3600


def runs_per_second(environments: int) -> float:
    """Return the runs of sow and reap."""
    lives = environments * ACTIVITY.lives_per_hour / 3600
    return builds_per_second(environments) + 2 * lives


def renewals_of_run() -> int:
    """Return the renewals of a claim in a run, one more when it begins."""
    renew = load_settings({"HOME": "/nonexistent"}).settings.lease.renew
    return 1 + floor(RUN_S / renew.total_seconds())


def table_writes(environments: int) -> float:
    """Return write units of the table in a second: a row of some KB takes one for each KB."""
    writes = 1 + 2 + renewals_of_run()  # the build, claim and outcome, renewals
    return runs_per_second(environments) * writes * ROW_KB


def index_writes(environments: int) -> float:
    """Return write units of the index of work in a second; an entry has less than 1 KB."""
    return runs_per_second(environments) * (1 + 2 + renewals_of_run())


def serve_cores(environments: int) -> float:
    """Return the CPU time of serve in a second, without pages and lists that people ask for."""
    run_ms = RUN_MS + renewals_of_run() * RENEWAL_MS
    changes_ms = builds_per_second(environments) * BUILD_MS + runs_per_second(environments) * run_ms
    passes = min(1 / ACTIVITY.pause_s, 1 / ACTIVITY.backstop_s + runs_per_second(environments))
    return (changes_ms + passes * environments * LISTED_MS) / 1000


def page() -> str:
    """Return the whole page."""
    each = shape()
    by_count, by_rate = counted(), paced()
    text = _HEAD.format(
        components=each.components,
        public=each.public,
        builds=f"{ACTIVITY.builds_per_hour:g}",
        days=f"{1 / ACTIVITY.lives_per_day:g}",
        run=RUN_S,
    )
    existing = ("what exists at once", "AWS's default", "of one", "reached at", "then")
    text += _table(existing, by_count)
    text += _RATES
    text += _table(("what happens in a second", "limit", "of 1,000", "reached at", "then"), by_rate)
    return f"{text}{_OWN}{_parts()}{_TAIL}"


def _table(head: Sequence[str], limits: Iterable[GrowthLimit]) -> str:
    rows = [(one.what, one.limit, one.need, f"{one.environments:,}", one.then) for one in limits]
    return _rows(head, rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = "".join(f"| {' | '.join(line)} |\n" for line in rows)
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n{lines}"


def _parts() -> str:
    each = shape()
    figures: tuple[tuple[str, Callable[[int], str]], ...] = (
        ("builds in an hour", lambda e: f"{3600 * builds_per_second(e):,.0f}"),
        ("runs at once", lambda e: f"{ceil(runs_per_second(e) * RUN_S):,}"),
        (
            f"tasks of sow, {TERRAFORMS} terraforms each",
            lambda e: f"{ceil(runs_per_second(e) * RUN_S / TERRAFORMS):,}",
        ),
        ("write units of the table in a second", lambda e: f"{table_writes(e):,.1f}"),
        ("write units of the index of work in a second", lambda e: f"{index_writes(e):,.1f}"),
        ("cores of serve", lambda e: f"{serve_cores(e):,.2f}"),
        ("CPU time of serve for a whole list, s", lambda e: f"{e * LISTED_MS / 1000:,.1f}"),
        (
            "read calls of a pass of chitragupta",
            lambda e: f"{sum(pass_calls(each, e).values()):,.0f}",
        ),
        ("size of the table, MB", lambda e: f"{e * ROW_KB / 1000:,.0f}"),
    )
    head = ("environments", *(f"{size:,}" for size in SIZES))
    return _rows(head, [(what, *(text(size) for size in SIZES)) for what, text in figures])


def _number(value: Fraction) -> str:
    return f"{float(value):g}"


_HEAD = """\
# To 100,000 environments

`make docs` computes this page, and a test compares the two.
It is on paper: no installation of this size was run.
AWS's figures are its documented defaults. [The doctor](doctor.md) asks for those of your account.

An environment is that of the shipped catalogue.
It has {components} components, of which {public} are public, and lives for {days} days.
There are {builds} builds of it in an hour, and a run takes {run} s.

## What exists at once

"""
_RATES = """
Most limits move with a request. Access points of one file system and addresses of one VPC do not.

## What happens in a second

"""
_OWN = """
Below the limits gromit paces itself, and work waits: [rates](../how-to/scale.md).

## What gromit's own parts need

"""
_TAIL = """
- A list costs a scan, and chitragupta lists all environments in each pass.
  From some ten thousand environments on this is most of serve's work.
- A row has about 5 KB of the 400 KB that DynamoDB allows, because its history is bounded.
- A look for work is one query, whatever the numbers of environments and of tasks of sow are.

## What then

One installation is made for some thousands of environments. More of them need more installations.
Each one has an account, a region or a VPC of its own, and its own domain, for example
`eu.dev.example.com`.

- A repository reports to the gateway of its installation.
  Repositories whose branches meet in one environment have the same installation.
- Installations share nothing but the registries, and
  [their names](../adr/0012-an-installation-has-a-name.md) keep them apart there.
"""
