"""Sources of the secrets of a catalogue's components: whether each has a value, and its ARN."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.programs import missing_secrets
from gromit.core.stack.secrets import MISSING_SECRET, SecretState, SecretStatus, is_secret_arn

REMEDY = "as an administrator, run `gromit secrets make`: it draws random values, asks for others"
_STATUS_WORDS = {
    SecretStatus.MISSING: "does not exist",
    SecretStatus.EMPTY: "has no value",
    SecretStatus.DELETED: "is scheduled for deletion",
}
_LABEL_LENGTH = 16


@dataclass(frozen=True, slots=True)
class SecretFault:
    """A reason why ECS could not start a component: a secret without source or value."""

    component: str
    variable: str
    subject: str
    """Name or ARN of the secret; component and variable if the catalogue names none."""
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.component}: {self.variable}: {self.reason}"


def secret_ids(catalogue: Catalogue) -> Mapping[str, str]:
    """Return every source of a secret that a component names, and its id in Secrets Manager.

    The id is a name or an ARN.
    """
    sources = {source for c in catalogue.components.values() for source in c.secrets.values()}
    return {source: _id(source, catalogue) for source in sorted(sources)}


def secret_faults(
    catalogue: Catalogue, states: Mapping[str, SecretState]
) -> tuple[SecretFault, ...]:
    """Return all reasons for which components of a catalogue could not start.

    `states` has the state of each source; a source that it lacks is missing.
    """
    without_source = (
        SecretFault(
            missing.component,
            missing.secret.variable,
            f"{missing.component} {missing.secret.variable}",
            f"the catalogue gives it no secret, and without it, {missing.secret.without}",
            f"name one in `secrets` of {missing.component} in the catalogue",
        )
        for missing in missing_secrets(catalogue.program_uses)
    )
    without_value = (
        SecretFault(
            c.name, variable, source, _reason(source, catalogue, state), _remedy(source, state)
        )
        for _, c in sorted(catalogue.components.items())
        for variable, source in sorted(c.secrets.items())
        if not (state := states.get(source, MISSING_SECRET)).is_usable
    )
    return (*without_source, *without_value)


def secret_arns(component: Component, states: Mapping[str, SecretState]) -> Mapping[str, str]:
    """Return the variables of a component's secrets, each with the ARN of its value.

    A variable without one is left out.
    """
    arns = {variable: _arn(source, states) for variable, source in component.secrets.items()}
    return {variable: arn for variable, arn in arns.items() if arn}


def secrets_label(component: Component, states: Mapping[str, SecretState]) -> str:
    """Return a hash of the versions of a component's secrets; empty if none is known.

    As a label it makes all components with a changed secret start again together, so that none
    keeps an older value than another.
    """
    versions = sorted(
        f"{variable}={states[source].version}"
        for variable, source in component.secrets.items()
        if source in states and states[source].version
    )
    if not versions:
        return ""
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()[:_LABEL_LENGTH]


def _arn(source: str, states: Mapping[str, SecretState]) -> str:
    if is_secret_arn(source):
        return source
    return states.get(source, MISSING_SECRET).arn


def _id(source: str, catalogue: Catalogue) -> str:
    return catalogue.secrets[source].id if source in catalogue.secrets else source


def _reason(source: str, catalogue: Catalogue, state: SecretState) -> str:
    return f"secret {_id(source, catalogue)} {_STATUS_WORDS[state.status]}"


def _remedy(source: str, state: SecretState) -> str:
    if state.status is SecretStatus.DELETED:
        return "restore it with `aws secretsmanager restore-secret`"
    if is_secret_arn(source):
        return "give it a value with `aws secretsmanager put-secret-value`"
    return REMEDY
