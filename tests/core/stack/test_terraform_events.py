"""Events and summaries of terraform's output. The lines are from Terraform 1.15."""

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.stack.terraform_events import (
    LONGEST,
    ChangeSummary,
    Diagnostic,
    ProgramStarted,
    ResourceApplied,
    ResourceErrored,
    RunSummary,
    StackOutputs,
    UnparsedLine,
    describe_event,
    error_without_frame,
    failure_reason,
    fold_event,
    parse_event,
    short_address,
)

ADDRESS = 'module.component["tyk"].aws_ecs_service.this'
SERVICE = {
    "addr": ADDRESS,
    "module": 'module.component["tyk"]',
    "resource": "aws_ecs_service.this",
    "implied_provider": "aws",
    "resource_type": "aws_ecs_service",
    "resource_name": "this",
    "resource_key": None,
}


def unmasked(text: str) -> str:
    return text


def masked(text: str) -> str:
    return text.replace("hunter2", "***")


def line(kind: str, **parts: Any) -> str:
    return json.dumps(
        {"@level": "info", "@message": "…", "@module": "terraform.ui", "type": kind, **parts}
    )


def diagnostic(severity: str, summary: str, detail: str = "", address: str = "") -> str:
    return line(
        "diagnostic",
        diagnostic={"severity": severity, "summary": summary, "detail": detail, "address": address},
    )


PLAN = line(
    "change_summary", changes={"add": 2, "change": 1, "import": 0, "remove": 1, "operation": "plan"}
)
CREATED = line(
    "apply_complete",
    hook={
        "resource": SERVICE,
        "action": "create",
        "id_key": "id",
        "id_value": "x",
        "elapsed_seconds": 3,
    },
)
DESTROYED = line(
    "apply_complete", hook={"resource": SERVICE, "action": "delete", "elapsed_seconds": 0}
)
ERRORED = line(
    "apply_errored", hook={"resource": SERVICE, "action": "update", "elapsed_seconds": 1}
)
OUTPUTS = line(
    "outputs",
    outputs={
        "task_definitions": {
            "sensitive": False,
            "type": ["map", "string"],
            "value": {"tyk": "arn:1"},
        },
        "password": {"sensitive": True, "type": "string", "value": "hunter2"},
    },
)
PLANNED_OUTPUTS = line(
    "outputs", outputs={"task_definitions": {"sensitive": False, "action": "create"}}
)


def course(*lines: str) -> RunSummary:
    return reduce(
        lambda so_far, text: fold_event(so_far, parse_event(text, masked)), lines, RunSummary()
    )


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (PLAN, ChangeSummary("plan", 2, 1, 1)),
        (CREATED, ResourceApplied(ADDRESS, "create", 3)),
        (ERRORED, ResourceErrored(ADDRESS, "update")),
        (OUTPUTS, StackOutputs({"task_definitions": {"tyk": "arn:1"}})),
        (PLANNED_OUTPUTS, StackOutputs({})),
        (
            diagnostic("warning", "Deprecated", "use  another\n one"),
            Diagnostic(False, "Deprecated", "use another one", ""),
        ),
        (line("version", terraform="1.15.5", ui="1.3"), ProgramStarted("terraform 1.15.5")),
        (line("version", tofu="1.10.10", ui="1.2"), ProgramStarted("opentofu 1.10.10")),
        (line("version", ui="1.2"), UnparsedLine()),
        (line("apply_progress", hook={"resource": SERVICE}), UnparsedLine()),
        (line("something_of_next_year", new={}), UnparsedLine()),
        ("Terraform crashed!", UnparsedLine("Terraform crashed!")),
        ("[1, 2]", UnparsedLine("[1, 2]")),
    ],
)
def test_a_line_becomes_an_event(text: str, event: object) -> None:
    assert parse_event(text, unmasked) == event


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    ["change_summary", "apply_complete", "apply_errored", "diagnostic", "outputs"]
)
parts = st.dictionaries(
    st.sampled_from(["changes", "hook", "diagnostic", "outputs", "resource", "addr"]),
    json_values,
    max_size=3,
)


@given(
    st.one_of(
        st.text(),
        json_values.map(json.dumps),
        st.builds(lambda k, p: json.dumps({**p, "type": k}), kinds, parts),
    )
)
def test_no_line_is_too_strange(text: str) -> None:
    event = parse_event(text, unmasked)
    describe_event(event, fold_event(RunSummary(), event))


def test_no_line_is_too_deep() -> None:
    assert isinstance(parse_event("[" * 100_000, unmasked), UnparsedLine)


def test_what_is_done_is_counted_against_what_was_planned() -> None:
    after = course(PLAN, CREATED, DESTROYED)
    assert (after.done, after.planned) == (2, 4)
    assert (
        describe_event(parse_event(CREATED, unmasked), after)
        == "aws_ecs_service.this tyk: created (3s) [2/4]"
    )
    assert (
        describe_event(parse_event(DESTROYED, unmasked), after)
        == "aws_ecs_service.this tyk: destroyed (0s) [2/4]"
    )


def test_the_summary_after_an_apply_is_not_another_plan() -> None:
    applied = line(
        "change_summary", changes={"add": 9, "change": 9, "remove": 9, "operation": "apply"}
    )
    assert course(PLAN, applied).planned == 4
    assert describe_event(parse_event(applied, unmasked), course(PLAN)) is None


def test_people_see_the_planned_changes_and_the_errors() -> None:
    assert (
        describe_event(parse_event(PLAN, unmasked), RunSummary())
        == "2 to create, 1 to change, 1 to destroy"
    )
    assert (
        describe_event(parse_event(ERRORED, unmasked), RunSummary())
        == "aws_ecs_service.this tyk: not changed"
    )
    alarm = parse_event(diagnostic("error", "no capacity", address=ADDRESS), unmasked)
    assert describe_event(alarm, RunSummary()) == "error: no capacity (aws_ecs_service.this tyk)"
    assert (
        describe_event(parse_event(diagnostic("warning", "old"), unmasked), RunSummary())
        == "warning: old"
    )
    assert describe_event(UnparsedLine("noise"), RunSummary()) is None


def test_the_first_error_is_the_reason() -> None:
    lines = (
        diagnostic("warning", "deprecated"),
        diagnostic("error", "no capacity", "try hunter2", ADDRESS),
        diagnostic("error", "execution halted"),
    )
    assert (
        failure_reason(course(*lines), "", masked)
        == "no capacity: try *** (aws_ecs_service.this tyk)"
    )


def test_a_terraform_that_speaks_no_json_is_understood_too() -> None:
    box = "╷\n│ Error: Unsupported argument\n│ \n│   on main.tf line 1\n╵\n"
    assert failure_reason(RunSummary(), box, masked) == "Unsupported argument on main.tf line 1"
    assert failure_reason(
        course("flag provided but not defined: -json", "usage: …"), "", masked
    ).startswith("flag provided")
    assert failure_reason(RunSummary(), "", masked) == "it gave no reason"


def test_a_secret_that_goes_over_several_lines_is_masked_as_a_whole() -> None:
    def without_middle(text: str) -> str:
        begin, _, _ = text.partition("-----BEGIN")
        return f"{begin}***" if "-----BEGIN" in text else text

    lines = [
        "Error: bad key",
        "-----BEGIN PRIVATE KEY-----",
        *[f"secret-line-{n}" for n in range(300)],
    ]
    reason = failure_reason(
        reduce(
            lambda so_far, text: fold_event(so_far, parse_event(text, without_middle)),
            lines,
            RunSummary(),
        ),
        "",
        without_middle,
    )
    assert "secret-line" not in reason


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST * 3])
def test_reasons_are_cut(length: int) -> None:
    alarm = Diagnostic(is_error=True, summary="x" * length, detail="", address="")
    assert len(str(alarm)) <= LONGEST
    assert len(error_without_frame("x" * length, unmasked)) <= LONGEST


def test_outputs_are_those_of_the_end_and_secrets_are_left_out() -> None:
    assert course(PLANNED_OUTPUTS, OUTPUTS).outputs == {"task_definitions": {"tyk": "arn:1"}}


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("aws_ecs_cluster.this", "aws_ecs_cluster.this"),
        (
            'module.component["tyk-pump"].aws_security_group_rule.ingress["port"]',
            'aws_security_group_rule.ingress["port"] tyk-pump',
        ),
        ("module.other.aws_x.y", "module.other.aws_x.y"),
        ("", ""),
    ],
)
def test_addresses_are_shortened_for_people(address: str, short: str) -> None:
    assert short_address(address) == short
