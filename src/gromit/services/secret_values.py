"""Values of the secrets of a catalogue: random ones are drawn, bought ones are asked for.

No value is read, returned or logged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secrets import NamedSecret, SecretOrigin, SecretStatus
from gromit.errors import InvalidInput, NotFound
from gromit.ports.secrets import SecretWriter

log = structlog.get_logger(__name__)

Ask = Callable[[str], str | None]
"""Return the value of a secret, by its name; None if no one can be asked."""

_WITHOUT_VALUE = (SecretStatus.MISSING, SecretStatus.EMPTY)
_MAX = 65536
"""Longest value that Secrets Manager takes, in bytes."""


class _Written(StrEnum):
    MADE = "made"
    STORED = "stored"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReport:
    """A named secret, its status and its users."""

    name: str
    id: str
    """Name in Secrets Manager, or ARN."""
    made: SecretOrigin
    status: SecretStatus
    users: tuple[str, ...]
    """`<component> <variable>` of each use."""
    result: str = ""
    """Action of the command, if any."""

    @property
    def is_usable(self) -> bool:
        """Whether it has a value; an unknown one counts as usable."""
        return self.status in {SecretStatus.SET, SecretStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class SecretMaker:
    """Gives the named secrets of a catalogue their values."""

    catalogue: Catalogue
    store: SecretWriter
    draw: Callable[[], str]
    """Return a new random value."""

    def reports(self) -> list[SecretReport]:
        """Return all named secrets that components use."""
        secrets = self.catalogue.used_secrets
        states = self.store.states([secret.id for secret in secrets.values()])
        return [
            SecretReport(
                name=name,
                id=secret.id,
                made=secret.made,
                status=states[secret.id].status,
                users=self._users(name),
            )
            for name, secret in sorted(secrets.items())
        ]

    def make(self, given: Mapping[str, str], ask: Ask) -> list[SecretReport]:
        """Give each secret without a value one: one of `given`, a random one, or one asked for.

        Existing values stay. Raises `InvalidInput` for a value that is given and not needed, and
        for an empty one, before anything is written.
        """
        found = self.reports()
        values = {name: _checked(name, value) for name, value in given.items()}
        for name in values:
            self._require_needed(name, found)
        return [self._make(report, values, ask) for report in found]

    def replace(self, name: str, value: str | None, ask: Ask) -> SecretReport:
        """Give one secret another value. Environments have the old one until their redeployment.

        Raises `NotFound`, and `InvalidInput` without a value.
        """
        report = next((r for r in self.reports() if r.name == name), None)
        if report is None:
            raise _unknown(name, self.catalogue)
        self._require_own(self.catalogue.secrets[name])
        new = value if value is not None else self._new_value(report, ask)
        if new is None:
            raise InvalidInput(
                f"there is no value for {name}", hint="give one with `--from`, or use a terminal"
            )
        return self._write(report, _checked(name, new), _Written.REPLACED)

    def _make(self, report: SecretReport, values: Mapping[str, str], ask: Ask) -> SecretReport:
        if report.status not in _WITHOUT_VALUE:
            return _with(report, report.status, "kept" if report.is_usable else "left alone")
        if self.catalogue.secrets[report.name].arn is not None:
            return _with(report, report.status, "left alone: it is not gromit's")
        value = values.get(report.name) or self._new_value(report, ask)
        if value is None:
            return _with(report, report.status, "no value was given")
        made = _Written.MADE if report.made is SecretOrigin.RANDOM else _Written.STORED
        return self._write(report, _checked(report.name, value), made)

    def _new_value(self, report: SecretReport, ask: Ask) -> str | None:
        return self.draw() if report.made is SecretOrigin.RANDOM else ask(report.name)

    def _write(self, report: SecretReport, value: str, result: _Written) -> SecretReport:
        self.store.write(report.id, value)
        log.info("secret.written", secret=report.id)
        return _with(report, SecretStatus.SET, result)

    def _users(self, name: str) -> tuple[str, ...]:
        return tuple(
            f"{component.name} {variable}"
            for component in self.catalogue.components.values()
            for variable, source in sorted(component.secrets.items())
            if source == name
        )

    def _require_needed(self, name: str, found: list[SecretReport]) -> None:
        if name not in self.catalogue.used_secrets:
            raise _unknown(name, self.catalogue)
        self._require_own(self.catalogue.secrets[name])
        report = next(r for r in found if r.name == name)
        if report.status not in _WITHOUT_VALUE:
            raise InvalidInput(
                f"secret {name} has a value already",
                hint=f"run `gromit secrets replace {name}` to give it another one",
            )

    def _require_own(self, secret: NamedSecret) -> None:
        if secret.arn is not None:
            raise InvalidInput(
                f"secret {secret.name} has an ARN of its own, so gromit does not write it",
                hint="write it with `aws secretsmanager put-secret-value`",
            )


def _with(report: SecretReport, status: SecretStatus, result: str) -> SecretReport:
    return SecretReport(
        name=report.name,
        id=report.id,
        made=report.made,
        status=status,
        users=report.users,
        result=result,
    )


def _checked(name: str, value: str) -> str:
    """Return a value without white space around it. Raises `InvalidInput`, without the value."""
    stripped = value.strip()
    if not stripped:
        raise InvalidInput(f"the value of {name} is empty", hint="give the value itself")
    if "\0" in stripped or len(stripped.encode()) > _MAX:
        raise InvalidInput(
            f"the value of {name} is not usable",
            hint=f"give text of at most {_MAX} bytes without NUL",
        )
    return stripped


def _unknown(name: str, catalogue: Catalogue) -> NotFound:
    names = ", ".join(catalogue.used_secrets) or "none"
    return NotFound(f"no component uses a secret {name!r}", hint=f"used secrets are: {names}")
