"""Calls of AWS in a pass of chitragupta, and the environments that each rate of AWS allows."""

from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.pacing import Pacer, PacingClock
from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import plan
from gromit.core.dns.tasks import PublicTask, desired_records
from gromit.core.rates.aws_rates import AWS_RATES, AwsRate
from gromit.core.rates.demand import (
    Activity,
    EnvironmentShape,
    calls_per_second,
    environments_allowed,
    pass_calls,
)
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from tests.aws_laws.fleet import Fleet, address_of
from tests.aws_laws.laws import governed
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured, Table
from tests.fakes.dns import FakeEnvironments

SIZES = (100, 1_000, 3_000)
BUSY = Activity(builds_per_hour=2)
"""Two builds of each environment in an hour, and a new life of each in a day."""
PLANNED = 1_000
"""Number of environments whose calls the table shows."""
_ONE_PUBLIC = EnvironmentShape(components=1, public=1)
_DOMAIN = "dev.example.com"
_CATALOGUE = Catalogue({"tyk": Component(name="tyk", repository="tyk", port=8181, public=True)})


def shipped_shape() -> EnvironmentShape:
    """Return the shape of an environment of the shipped catalogue."""
    components = catalogue_file.load_catalogue(None, None).components.values()
    return EnvironmentShape(len(components), sum(c.public for c in components))


def limits_of_rates() -> list[tuple[str, str, str]]:
    """Return each rate, its calls a second and the environments that it allows, tightest first."""
    shape = shipped_shape()
    calls = calls_per_second(shape, BUSY, PLANNED)
    allowed = {rate: environments_allowed(shape, BUSY, rate) for rate in AwsRate}
    return [
        (
            str(rate),
            f"{calls[rate]:.2f} of {AWS_RATES[rate].rate.per_second:g}",
            f"{allowed[rate]:,}",
        )
        for rate in sorted(AwsRate, key=lambda rate: allowed[rate])
    ]


def _measure(extent: Extent) -> Measured:
    points, over, refused, size = [], 0, 0, 0
    for size in extent.sizes(*SIZES):
        extent.say(f"{size} environments")
        calls, refusals = _pass(size)
        points.append((float(size), float(calls)))
        over = max(over, calls - _expected(size))
        refused += refusals
    rows = tuple(limits_of_rates())
    return Measured(
        (
            Goal(
                what="calls of a pass beyond those that the doctor computes",
                unit="calls",
                limit=0,
                measured=over,
                is_count=True,
            ),
            Goal(
                what="calls that AWS refuses for its rates, paced",
                unit="calls",
                limit=0,
                measured=refused,
                is_count=True,
            ),
        ),
        Curve("environments", "calls of a pass", tuple(points), most=LINEAR, is_count=True),
        tables=(
            Table(
                "Environments that each rate allows",
                ("rate", f"calls a second of {PLANNED:,} environments", "environments"),
                rows,
            ),
        ),
    )


def _expected(size: int) -> int:
    """Return the calls of a pass that changes nothing, without the observer's."""
    calls = pass_calls(_ONE_PUBLIC, size)
    return int(calls[AwsRate.ROUTE53] + calls[AwsRate.INTERFACES])


def _pass(size: int) -> tuple[int, int]:
    """Return the calls and the refusals of a pass that changes nothing."""
    with governed() as laws:
        pacer = Pacer(4, PacingClock(lambda: laws.clock_s, laws.sleep))
        made = laws.free("route53").create_hosted_zone(Name=_DOMAIN, CallerReference="x")
        zone = Route53Zone(
            laws.client("route53", CLIENT, pacer=pacer),
            made["HostedZone"]["Id"],
            _DOMAIN,
            laws.clock,
        )
        wanted = FakeEnvironments({f"e{n}": True for n in range(size)})
        Fleet(laws.free).bare_interfaces(list(wanted.rows))
        tasks = [PublicTask(e, "tyk", address_of(n)) for n, e in enumerate(wanted.rows)]
        desired = desired_records(tasks, _DOMAIN, 10, wanted.rows)
        zone.apply(plan(desired, (), NameOwner(_DOMAIN), wanted.rows), lambda _line: None)
        keeper = Chitragupta(
            wanted=wanted,
            tasks=EcsTasks(
                laws.client("ec2", pacer=pacer), laws.client("ecs", pacer=pacer), _CATALOGUE.public
            ),
            zone=zone,
            policy=DnsPolicy(
                domain=_DOMAIN,
                ttl=10,
                components=frozenset({"tyk"}),
                delete_percent=30,
                delete_free=10,
            ),
        )
        laws.calls.clear()
        keeper.run(lambda _line: None)
        return sum(laws.calls.values()), laws.throttled


LAW = Law(
    "A pass costs one call for each page, and paced calls are never refused.",
    _measure,
    held_by=("tests/aws_laws/test_budget.py", "tests/aws_laws/test_pacing.py"),
)
