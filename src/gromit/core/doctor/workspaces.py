"""Judgement of the Terraform Cloud workspaces of an installation's roots."""

from gromit.core.doctor.findings import Check, Finding, ok, wrong
from gromit.core.doctor.installation import WorkspaceFacts

_ROOTS = {Check.STATE_BASE: "terraform/base", Check.STATE_INFRA: "terraform/infra"}
_RECOVER = "docs/how-to/recover-a-root.md"


def judge_workspace(check: Check, workspace: WorkspaceFacts) -> Finding:
    """Whether a workspace runs locally, is not locked, and has been applied.

    A remote run has neither the modules and the catalogue beside its root nor AWS credentials.
    """
    root = _ROOTS.get(check, "its root")
    if workspace.execution_mode != "local":
        return wrong(
            check,
            f"its execution mode is {workspace.execution_mode}, not local",
            f"set its execution mode to Local (Settings, General); until then apply "
            f"{root} with TF_FORCE_LOCAL_BACKEND=1",
            workspace.name,
        )
    if workspace.is_locked:
        return wrong(
            check,
            "it is locked: a person applies it at this moment, or an apply could not save "
            "its state",
            f"ask who applies it; if no one does: {_RECOVER}",
            workspace.name,
        )
    if not workspace.is_applied:
        return wrong(check, "readable, but never applied", f"apply {root}", workspace.name)
    observed = f"applied, with {workspace.resources} resources"
    if workspace.token_reads_state:
        observed += "; TF_API_TOKEN may also read the whole state, which this check does not need"
    return ok(check, observed, workspace.name)
