"""The policy that the plan of every root must follow.

    findings(json.loads(stdout of `terraform show -json PLANFILE`)) == []

It is also a program: `python -m tests.stacks.plans PLAN.json …`.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.stacks import plan_exposure as exposure
from tests.stacks import plan_secrecy as secrecy
from tests.stacks.plan import Json, Plan, parse

Rule = Callable[[Plan], Iterator[str]]

RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        exposure.ways_in_are_closed,
        exposure.public_addresses_are_asked_for,
        exposure.buckets_are_closed,
        exposure.resource_policies_limit_the_principal,
        exposure.balancers_speak_tls,
        secrecy.everything_is_encrypted,
        secrecy.topics_can_be_spoken_to,
        secrecy.keys_are_rotated,
        secrecy.machines_have_imdsv2,
        secrecy.logs_expire,
        secrecy.rights_are_narrow,
        secrecy.outputs_hold_no_secret,
    )
}


def findings(document: Json) -> list[str]:
    """Return the violations of all rules in a plan.

    Raises `ValueError` if the document is not a plan, or plans nothing.
    """
    plan = parse(document)
    return [f"{name}: {finding}" for name, rule in RULES.items() for finding in rule(plan)]


def main(paths: list[str]) -> int:
    """Print the findings of plans in files. The exit code is 1 if there are any."""
    found = [
        f"{path}: {finding}"
        for path in paths
        for finding in findings(json.loads(Path(path).read_text()))
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
