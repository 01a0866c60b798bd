"""What roles may do, as AWS judges it, against what they are to be allowed."""

from collections.abc import Callable

import pytest

from gromit.core.doctor.findings import Finding, State
from gromit.core.doctor.rights import Part, Places, Right, Simulated, judge_rights, rights, usual_role

PLACES = Places(
    table="table",
    index="table/index",
    states="states",
    no_state="no-state",
    bucket="bucket",
    namespace="namespace",
    names="names",
    zone="zone",
    parameter="parameter",
    registries=("tyk", "tyk-pump"),
    logs="logs",
    execution_role="execution",
    serve_role="serve-role",
    ca_key="ca-key",
)
ROLES = {part: usual_role(part) for part in Part}


def answers(part: Part, judge: Callable[[Right, str], bool] = lambda right, _: right.allowed) -> Simulated:
    judged = {(a, r.resource): judge(r, a) for r in rights(part, PLACES) for a in r.actions}
    return Simulated(ROLES[part], named=False, allowed=judged)


def judged(**changed: Simulated) -> dict[str, Finding]:
    everyone = {part: answers(part) for part in Part} | {Part(name): answer for name, answer in changed.items()}
    return {f.subject: f for f in judge_rights(everyone, PLACES)}


def test_roles_with_exactly_their_rights_are_in_order() -> None:
    assert {f.state for f in judged().values()} == {State.OK}


def test_only_serve_is_to_write_the_table() -> None:
    writers = {
        p for p in Part for r in rights(p, PLACES) if r.allowed and r.resource == "table" and "dynamodb:UpdateItem" in r.actions
    }
    refused = {p for p in Part for r in rights(p, PLACES) if not r.allowed and r.resource == "table"}
    assert (writers, refused) == ({Part.SERVE}, set(Part) - {Part.SERVE})


def test_what_terraform_asks_for_is_asked_about_where_it_runs() -> None:
    wanted = {
        ("s3:GetObject", "no-state"),
        ("s3:ListBucket", "bucket"),
        ("servicediscovery:CreateService", "namespace"),
        ("servicediscovery:CreateService", "names"),
        *((f"servicediscovery:{action}", "*") for action in ("ListTagsForResource", "TagResource", "UntagResource")),
    }
    allowed = {part: {(a, r.resource) for r in rights(part, PLACES) if r.allowed for a in r.actions} for part in Part}
    assert {part for part in Part if wanted <= allowed[part]} == {Part.SOW, Part.REAP}
    assert {part for part in Part if wanted & allowed[part]} == {Part.SOW, Part.REAP}


@pytest.mark.parametrize("part", Part)
def test_nobody_is_to_read_the_key_of_the_ca(part: Part) -> None:
    assert [(r.actions, r.allowed) for r in rights(part, PLACES) if r.resource == "ca-key"] == [
        (("secretsmanager:GetSecretValue",), False)
    ]


@pytest.mark.parametrize("part", Part)
def test_a_role_that_may_everything_is_wrong(part: Part) -> None:
    found = judged(**{part: answers(part, lambda *_: True)})[part]
    refused = [(a, r.resource) for r in rights(part, PLACES) if not r.allowed for a in r.actions]
    assert (found.state, "may what it must not: " in found.seen) == (State.WRONG, True)
    assert refused


def test_a_right_that_is_missing_or_too_much_is_named() -> None:
    found = judged(sow=answers(Part.SOW, lambda right, action: right.allowed ^ (action in {"s3:PutObject", "dynamodb:PutItem"})))
    assert found["sow"].seen == ("gromit-sow may not s3:PutObject on states; it may what it must not: dynamodb:PutItem on table")
    assert [name for name, f in found.items() if f.state is State.WRONG] == ["sow"]


def test_what_aws_did_not_judge_counts_as_refused() -> None:
    found = judged(gateway=Simulated("g", named=False, allowed={}), sow=Simulated("s", named=False, allowed={}))
    assert (found["gateway"].state, found["sow"].state) == (State.OK, State.WRONG)


def test_one_missing_role_among_others_is_wrong() -> None:
    found = judged(reap=Simulated("gromit-reap", named=False, allowed=None))["reap"]
    assert (found.state, found.seen) == (State.WRONG, "there is no role gromit-reap")


def test_without_any_role_of_the_control_plane_it_is_not_installed() -> None:
    none = {part: Simulated(ROLES[part], named=False, allowed=None) for part in Part if part is not Part.ENVIRONMENTS}
    found = judged(**none)
    assert {f.state for name, f in found.items() if name != "environments"} == {State.SKIPPED}
    assert found["environments"].state is State.OK


def test_a_role_that_a_setting_names_has_to_be_there() -> None:
    none = {part: Simulated("mine", named=part is Part.SOW, allowed=None) for part in Part}
    assert {name for name, f in judged(**none).items() if f.state is State.WRONG} == {"sow"}
