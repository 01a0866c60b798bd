"""Secrets that programs require, and secrets that a catalogue gives in plain text."""

import re
from collections.abc import Collection, Iterator

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.documents import value_at
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.keys import walk_config
from gromit.core.stack.programs import (
    Program,
    ProgramUse,
    UnequalSecrets,
    missing_secrets,
    unequal_secrets,
)
from gromit.core.stack.secrets import is_secret_arn

_PASSWORD_IN_URL = re.compile(r"://[^/?#\s:@]*:[^/?#\s@]+@")
_KEEP = "give it as `secrets` of the component, as the name of a secret or an ARN"


def check_sources(uses: Collection[ProgramUse]) -> Iterator[CatalogueFault]:
    """Return required secrets without a source, and those with different ones that must be equal.

    Two ARNs may have the same value, so a difference between ARNs is a warning.
    """
    for missing in missing_secrets(uses):
        yield CatalogueFault(
            component=missing.component,
            kind=FaultKind.SECRET,
            subject=missing.secret.variable,
            reason=f"is required and has no source: without it, {missing.secret.without}",
            remedy=f"add `{missing.secret.variable}: {missing.secret.group}` to its secrets",
        )
    for unequal in unequal_secrets(uses):
        odd = _odd(unequal)
        component, variable = odd.split()
        others = sorted(unequal.sources.keys() - {odd})
        yield CatalogueFault(
            component=component,
            kind=FaultKind.SECRET,
            subject=variable,
            reason=f"must have the same value as {', '.join(others)}",
            remedy="name one secret in all of them",
            certain=not any(map(is_secret_arn, unequal.sources.values())),
        )


def _odd(unequal: UnequalSecrets) -> str:
    """Return the variable that is different: one whose secret does not have the group's name."""
    names = sorted(unequal.sources)
    return next((name for name in names if unequal.sources[name] != unequal.group), names[0])


def check_plain_secrets(
    component: Component, program: Program, file: str | None, document: object
) -> Iterator[CatalogueFault]:
    """Return the secrets that a config file or a plain variable has. Never repeat one."""
    for secret in program.secrets:
        if secret.variable in component.environment:
            yield _plain(
                component, secret.variable, "is a secret, and in plain text in environment"
            )
        if secret.key is not None and value_at(document, secret.key) not in (None, ""):
            subject = f"{file}: {secret.key}"
            yield _plain(component, subject, "is a secret, and in plain text in a config file")


def check_passwords(component: Component, file: str, document: object) -> Iterator[CatalogueFault]:
    """Return the passwords in a config file: those in URLs, and those of keys named for one."""
    for value in walk_config(None, document):
        if not isinstance(value.value, str):
            continue
        subject = f"{file}: {value.path}"
        if _PASSWORD_IN_URL.search(value.value):
            yield _plain(component, subject, "is a URL with a password in plain text")
        elif value.value and value.path.lower().endswith("password"):
            yield _plain(component, subject, "is a password in plain text")


def _plain(component: Component, subject: str, reason: str) -> CatalogueFault:
    return CatalogueFault(
        component=component.name,
        kind=FaultKind.SECRET,
        subject=subject,
        reason=reason,
        remedy=_KEEP,
    )
