"""The policy that every plan has to keep, whatever root it is of.

    findings(json.loads(stdout of `terraform show -json PLANFILE`)) == []

Also as a program: `python -m tests.stacks.plans PLAN.json …`.
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
        exposure.ways_in_are_closed, exposure.public_addresses_are_asked_for, exposure.buckets_are_closed,
        exposure.resource_policies_admit_nobody_unknown, exposure.balancers_speak_tls,
        secrecy.everything_is_encrypted, secrecy.topics_can_be_spoken_to, secrecy.keys_are_rotated, secrecy.machines_have_imdsv2,
        secrecy.logs_expire, secrecy.rights_are_narrow, secrecy.outputs_hold_no_secret,
    )
}  # fmt: skip


def findings(document: Json) -> list[str]:
    """What of a plan breaks a rule. Raises `ValueError` if the document is no plan, or one of nothing."""
    plan = parse(document)
    return [f"{name}: {finding}" for name, rule in RULES.items() for finding in rule(plan)]


def main(paths: list[str]) -> int:
    """Print the findings of plans in files. Exit code 1 if there is any."""
    found = [
        f"{path}: {finding}"
        for path in paths
        for finding in findings(json.loads(Path(path).read_text()))
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
