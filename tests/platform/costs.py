"""Fixed cost of a planned `terraform/infra`, by prices of AWS, as rows of the page's tables.

rows = fixed_costs(plan.parse(document))
rows["load balancers"].cells()
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gromit.core.stack.prices import HOURS, PRICES
from tests.stacks.plan import Plan, Resource

NAT, ADDRESS, ENDPOINT = 0.052, PRICES.address, 0.012
BALANCER = 1.2 * 0.0225
VCPU, GIB = PRICES.vcpu, PRICES.gib
"""Dollars an hour, in eu-central-1."""
MACHINES = {
    "t3.micro": 0.0120,
    "t3.small": 0.0240,
    "t4g.nano": 0.0048,
    "t4g.micro": 0.0096,
    "t4g.small": 0.0192,
    "t4g.medium": 0.0384,
}
"""Dollars an hour."""
DISK_GB, ZONE, KEY, ALARM, METRIC = 0.0952, 0.50, 1.00, 0.10, 0.30
"""Dollars a month."""
_UNITS = {"minute": 60, "hour": 3600, "day": 24 * 3600}


@dataclass(frozen=True, slots=True)
class Cost:
    """Amount of something, and what it costs in a month."""

    amount: str
    dollars: float

    def cells(self) -> list[str]:
        """Return the cells of a row of the page."""
        return [self.amount, f"{self.dollars:.0f} $"]


@dataclass(frozen=True, slots=True)
class _Size:
    vcpu: float
    gib: float

    @property
    def hourly(self) -> float:
        return self.vcpu * VCPU + self.gib * GIB


def fixed_costs(plan: Plan) -> Mapping[str, Cost]:
    """Return the rows of the table of fixed costs, and their sum."""
    rows = dict(_rows(plan))
    return rows | {"sum": Cost("", sum(cost.dollars for cost in rows.values()))}


def cost_of_watching(plan: Plan, part: str) -> tuple[float, float]:
    """Return the cost of a part all the time, and of its schedule with runs of a minute."""
    hourly = _sizes(plan)[f"gromit-{part}"].hourly
    return cost_of_task(plan, part), hourly * _runs(plan)[f"gromit-{part}"] / 60


def cost_of_task(plan: Plan, part: str) -> float:
    """Return the cost of one task of a part all the time."""
    return _sizes(plan)[f"gromit-{part}"].hourly * HOURS


def _rows(plan: Plan) -> Iterator[tuple[str, Cost]]:
    gateways = len(list(plan.of("aws_nat_gateway")))
    yield "NAT gateways, each with an address", _each(gateways, (NAT + ADDRESS) * HOURS)
    zones = len(plan.variables["zones"])  # subnets that are still to be made have no ids yet
    endpoints = sum(len(e.values.get("subnet_ids") or ()) or zones for e in _interfaces(plan))
    yield "interface endpoints, one a service and zone", _each(endpoints, ENDPOINT * HOURS)
    balancers = list(plan.of("aws_lb"))
    yield "load balancers", _each(len(balancers), BALANCER * HOURS)
    open_ones = [b for b in balancers if not b.values["internal"]]
    public = sum(len(b.values.get("subnets") or ()) or zones for b in open_ones)
    yield "public addresses of load balancers, one a zone", _each(public, ADDRESS * HOURS)
    machines = list(plan.of("aws_instance"))
    yield "machines, for the bastion and Mongo", _machines(machines)
    gigabytes = sum(_disk_gb(machine) for machine in machines)
    gigabytes += sum(volume.values["size"] for volume in plan.of("aws_ebs_volume"))
    yield "disks of the machines", Cost(f"{gigabytes} GB", gigabytes * DISK_GB)
    addresses = sum(bool(m.values["associate_public_ip_address"]) for m in machines)
    yield "public addresses of machines", _each(addresses, ADDRESS * HOURS)
    yield "parts that always run, on Fargate", _services(plan)
    yield "runs of all other parts, each of a minute", _schedules(plan)
    names = list(plan.of("aws_route53_zone", "aws_service_discovery_private_dns_namespace"))
    yield "zones", _each(len(names), ZONE)
    yield "keys of KMS", _each(len(list(plan.of("aws_kms_key"))), KEY)
    yield "alarms", _each(len(list(plan.of("aws_cloudwatch_metric_alarm"))), ALARM)
    yield "metrics", _each(len(_metrics(plan)), METRIC)


def _each(count: int, dollars: float) -> Cost:
    return Cost(str(count), count * dollars)


def _interfaces(plan: Plan) -> Iterator[Resource]:
    return (e for e in plan.of("aws_vpc_endpoint") if e.values["vpc_endpoint_type"] == "Interface")


def _machines(machines: list[Resource]) -> Cost:
    types = sorted(str(machine.values["instance_type"]) for machine in machines)
    named = ", ".join(f"`{each}`" for each in types)
    return Cost(named, sum(MACHINES[each] for each in types) * HOURS)


def _disk_gb(machine: Resource) -> int:
    (disk,) = machine.blocks("root_block_device")
    return int(disk["volume_size"])


def _sizes(plan: Plan) -> Mapping[str, _Size]:
    """Return the size of a task of each part, by its family."""
    return {
        str(d.values["family"]): _Size(int(d.values["cpu"]) / 1024, int(d.values["memory"]) / 1024)
        for d in plan.of("aws_ecs_task_definition")
    }


def _services(plan: Plan) -> Cost:
    sizes = _sizes(plan)
    running = [
        sizes[str(service.values["name"])]
        for service in plan.of("aws_ecs_service")
        for _ in range(int(service.values["desired_count"]))
    ]
    vcpu, gib = sum(size.vcpu for size in running), sum(size.gib for size in running)
    amount = f"{vcpu:g} vCPU and {gib:g} GiB in {len(running)} tasks"
    return Cost(amount, sum(size.hourly for size in running) * HOURS)


def _runs(plan: Plan) -> Mapping[str, float]:
    """Return the runs of each scheduled part in a month."""
    rules = {
        str(rule.values["name"]): rule.values.get("schedule_expression")
        for rule in plan.of("aws_cloudwatch_event_rule")
    }
    return {name: HOURS * 3600 / _seconds(text) for name, text in rules.items() if text}


def _seconds(expression: str) -> int:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if match is None:
        raise ValueError(f"no rate: {expression}")
    return int(match[1]) * _UNITS[match[2]]


def _schedules(plan: Plan) -> Cost:
    sizes, runs = _sizes(plan), _runs(plan)
    dollars = sum(sizes[name].hourly * count / 60 for name, count in runs.items())
    return Cost(f"{sum(runs.values()):,.0f}", dollars)


def _metrics(plan: Plan) -> set[str]:
    return {
        json.dumps([made["namespace"], made["name"]])
        for one in plan.of("aws_cloudwatch_log_metric_filter")
        for made in one.blocks("metric_transformation")
    }
