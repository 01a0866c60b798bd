"""Judgement of Terraform Cloud's workspaces."""

import pytest

from gromit.core.doctor.findings import Check, FindingStatus
from gromit.core.doctor.installation import WorkspaceFacts
from gromit.core.doctor.workspaces import judge_workspace

OK, WRONG = FindingStatus.OK, FindingStatus.WRONG


def workspace(
    mode: str = "local", *, applied: bool = True, locked: bool = False, reads_state: bool = False
) -> WorkspaceFacts:
    return WorkspaceFacts("base-prod", mode, applied, 12, locked, reads_state)


def test_a_workspace_that_was_applied_is_ok() -> None:
    found = judge_workspace(Check.STATE_BASE, workspace())
    assert (found.state, found.observed) == (OK, "applied, with 12 resources")


def test_a_workspace_without_a_state_must_be_applied() -> None:
    found = judge_workspace(Check.STATE_INFRA, workspace(applied=False))
    assert (found.check, found.subject, found.remedy) == (
        Check.STATE_INFRA,
        "base-prod",
        "apply terraform/infra",
    )


@pytest.mark.parametrize(
    ("mode", "applied"), [("remote", False), ("remote", True), ("agent", True)]
)
def test_a_workspace_whose_runs_are_executed_elsewhere_is_wrong(mode: str, applied: bool) -> None:
    found = judge_workspace(Check.STATE_BASE, workspace(mode, applied=applied))
    assert (found.state, found.subject, found.observed) == (
        WRONG,
        "base-prod",
        f"its execution mode is {mode}, not local",
    )
    assert "execution mode to Local" in found.remedy
    assert "terraform/base with TF_FORCE_LOCAL_BACKEND=1" in found.remedy


@pytest.mark.parametrize("applied", [False, True])
def test_a_locked_workspace_is_wrong(applied: bool) -> None:
    found = judge_workspace(Check.STATE_OTHER, workspace(applied=applied, locked=True))
    assert found.state is WRONG
    assert found.observed.startswith("it is locked")
    assert "docs/how-to/recover-a-root.md" in found.remedy


def test_a_token_with_more_rights_than_it_needs_is_said_and_not_wrong() -> None:
    found = judge_workspace(Check.STATE_BASE, workspace(reads_state=True))
    assert found.state is OK
    assert "TF_API_TOKEN may also read the whole state" in found.observed
