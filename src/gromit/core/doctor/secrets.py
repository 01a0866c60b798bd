"""Judgement of the secrets of environments: which have no value, and for how many environments."""

from collections.abc import Mapping

from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secret_sources import SecretFault, secret_faults
from gromit.core.stack.secrets import SecretState, SecretStatus


def judge_secrets(
    catalogue: Catalogue, states: Mapping[str, SecretState], environments: int | None
) -> list[Finding]:
    """One finding for each secret without a value, and for each required one without a source.

    `states` has the state of each source; `environments` is None if their number is unknown.
    """
    faults: dict[str, list[SecretFault]] = {}
    for fault in secret_faults(catalogue, states):
        faults.setdefault(fault.subject, []).append(fault)
    if faults:
        return [_wrong(subject, of, environments) for subject, of in sorted(faults.items())]
    if not states:
        return [skipped(Check.SECRETS, "no component uses a secret")]
    unknown = [s for s, state in states.items() if state.status is SecretStatus.UNKNOWN]
    if unknown:
        return [ok(Check.SECRETS, f"unknown: {', '.join(unknown)}; all others have a value")]
    return [ok(Check.SECRETS, f"have a value: {', '.join(sorted(states))}")]


def _wrong(subject: str, faults: list[SecretFault], environments: int | None) -> Finding:
    users = ", ".join(f"{fault.component} ({fault.variable})" for fault in faults)
    observed = f"{faults[0].reason}; {_affected(environments)}, for {users}"
    return wrong(Check.SECRETS, observed, faults[0].remedy, subject)


def _affected(environments: int | None) -> str:
    match environments:
        case None:
            return "every environment needs it"
        case 1:
            return "1 environment needs it"
        case _:
            return f"{environments} environments need it"
