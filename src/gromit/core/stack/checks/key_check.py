"""Check of config files and variables against the keys that a program knows."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher, get_close_matches

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.keys import (
    ConfigKey,
    ConfigValue,
    ProgramKeys,
    walk_config,
)
from gromit.core.stack.checks.values import wrong_text, wrong_value
from gromit.core.stack.programs import Program

_LIKENESS, _SAME = 0.7, 0.85
"""Likeness from which a known name is suggested, and from which an unknown one is misspelled."""
_TYPOS = 2
"""Most characters by which a misspelled name is longer or shorter."""
_NO_NEAR = "remove it, or correct its name"


def check_document(
    component: str, file: str, document: object, program: Program, keys: ProgramKeys
) -> Iterator[CatalogueFault]:
    """Return what is wrong with the keys and values of a config file."""
    if not isinstance(document, dict):
        yield CatalogueFault(
            component=component,
            kind=FaultKind.FILE,
            subject=file,
            reason="is not a JSON object",
            remedy="write the keys between { and }",
        )
        return
    for value in walk_config(keys, document):
        subject = f"{file}: {value.path}"
        if value.is_unknown:
            yield _unknown(component, subject, value, program.name)
        elif value.key is not None:
            yield from _known(component, subject, value.key, program)
            if fault := wrong_value(value.key, value.value):
                yield _wrong(component, subject, fault, "correct the value")


def check_variables(
    component: Component, program: Program, keys: ProgramKeys
) -> Iterator[CatalogueFault]:
    """Return what is wrong with the plain variables that a program reads."""
    for name, text in sorted(component.environment.items()):
        key = keys.variables.get(name)
        if key is not None:
            yield from _known(component.name, name, key, program)
            if fault := wrong_text(key, text):
                yield _wrong(component.name, name, fault, "correct the value in environment")


def check_variable_names(
    component: Component, program: Program, programs: Mapping[str, ProgramKeys]
) -> Iterator[CatalogueFault]:
    """Return the variables that look like a program's, and that the component's does not read."""
    own = programs.get(program.name)
    owners = {keys.prefix: other for other, keys in programs.items()}
    for name in sorted({*component.environment, *component.secrets}):
        owner = next((o for start, o in owners.items() if name.startswith(start)), None)
        if owner is None or _reads(program, own, name):
            continue
        if owner != program.name or own is None:
            yield _of_another(component.name, name, program.name, owner)
        else:
            yield _unknown_variable(component.name, name, program.name, own)


def _reads(program: Program, keys: ProgramKeys | None, name: str) -> bool:
    """Whether a program reads a variable. Some secrets have a variable, and no key."""
    secrets = {secret.variable for secret in program.secrets}
    return name in secrets or (keys is not None and keys.is_variable(name))


def _known(
    component: str, subject: str, key: ConfigKey, program: Program
) -> Iterator[CatalogueFault]:
    """Return a warning for a key that is deprecated."""
    instead = program.retired.get(key.path)
    if instead is not None:
        reason = f"is deprecated in {program.name}"
        yield _wrong(component, subject, reason, f"use {instead}", certain=False)


def _wrong(
    component: str, subject: str, reason: str, remedy: str, *, certain: bool = True
) -> CatalogueFault:
    return CatalogueFault(
        component=component,
        kind=FaultKind.KEY,
        subject=subject,
        reason=reason,
        remedy=remedy,
        certain=certain,
    )


def _unknown(component: str, subject: str, value: ConfigValue, program: str) -> CatalogueFault:
    parent = value.parent
    assert parent is not None  # noqa: S101 - an unknown value has a known parent
    name = value.path.rsplit(".", 1)[-1]
    if parent.sections and not isinstance(value.value, dict):
        return _wrong(component, subject, "must be an object", "correct the value")
    if parent.sections:
        reason = f"{program} has no documented section of this type"
        remedy = f"documented types are {', '.join(sorted(parent.sections))}"
        return _wrong(component, subject, reason, remedy, certain=False)
    near, is_misspelled = _nearest(name.lower(), parent.below)
    meant = parent.below[near].key.path.rsplit(".", 1)[-1] if near else None
    remedy = f"did you mean {meant}?" if meant else _NO_NEAR
    reason = f"{program} documents no such key"
    return _wrong(component, subject, reason, remedy, certain=is_misspelled)


def _of_another(component: str, name: str, program: str, owner: str) -> CatalogueFault:
    reason = f"is a variable of {owner}; {program} does not read it"
    return _wrong(component, name, reason, "remove it, or give it to the component that reads it")


def _unknown_variable(component: str, name: str, program: str, keys: ProgramKeys) -> CatalogueFault:
    start = keys.prefix
    known = (variable.removeprefix(start) for variable in keys.variables)
    near, is_misspelled = _nearest(name.removeprefix(start), known)
    remedy = f"did you mean {start}{near}?" if near else _NO_NEAR
    reason = f"{program} documents no such variable"
    return _wrong(component, name, reason, remedy, certain=is_misspelled)


def _nearest(name: str, known: Iterable[str]) -> tuple[str | None, bool]:
    """Return the known name that is most like an unknown one, and whether that is misspelled.

    A name that only continues a known one may be a key that the documentation leaves out.
    """
    near = next(iter(get_close_matches(name, known, n=1, cutoff=_LIKENESS)), None)
    if near is not None and sorted(name) == sorted(near):
        return near, True
    if near is None or name.startswith(near) or abs(len(name) - len(near)) > _TYPOS:
        return near, False
    return near, SequenceMatcher(a=name, b=near).ratio() >= _SAME
