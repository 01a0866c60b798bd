"""The reference of the doctor lists all checks, states, roles and quotas."""

import re

from gromit.adapters.doctor.quotas import CODES, NAMED
from gromit.config.fields import fields
from gromit.core.doctor.findings import Check, FindingStatus
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota
from gromit.core.doctor.rights import ControlPlanePart
from tests.docs.markdown import read, table

TEXT = read("reference/doctor.md")


def test_every_check_is_there_with_what_it_means_and_what_to_do() -> None:
    documented = table(TEXT, "## Checks")
    assert list(documented) == [str(check) for check in Check]
    assert [name for name, row in documented.items() if not all(row)] == []


def test_every_state_is_there() -> None:
    assert set(table(TEXT, "## States")) == set(FindingStatus)


def test_every_part_with_a_role_is_there() -> None:
    assert set(table(TEXT, "## Rights")) == set(ControlPlanePart)


def test_every_quota_is_there_with_its_usual_limit() -> None:
    documented = {
        name: int(row[1].replace(",", "")) for name, row in table(TEXT, "## Quotas").items()
    }
    assert documented == {quota: usual.limit for quota, usual in DEFAULT_LIMITS.items()}


def test_every_quota_has_a_place_where_its_limit_is_asked_for() -> None:
    assert CODES.keys() | NAMED.keys() | {Quota.RECORDS} == set(Quota)


def test_the_settings_that_it_names_exist() -> None:
    named = set(re.findall(r"`((?:doctor|cluster|state|serve)\.[a-z_]+)`", TEXT)) - set(Check)
    assert named - {"doctor.quota", "doctor.finding", "doctor.untold", "serve.cpu"} <= {
        doc.path for doc in fields()
    }
