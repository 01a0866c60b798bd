"""Effective config of a component: its config file, and the variables that have precedence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from gromit.core.stack.checks.documents import value_at
from gromit.core.stack.checks.keys import ProgramKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveConfig:
    """Values that a program reads from its config file and its plain variables."""

    keys: ProgramKeys | None
    """None for a program without a config file."""
    document: object = None
    """Its config file; None if it has none, or none that can be read."""
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables whose values are secrets, which are unknown here."""

    def value(self, path: str) -> object:
        """Return the value of a key; None if neither the file nor a variable has one."""
        known = self.keys.variables if self.keys is not None else {}
        for name, text in self.environment.items():
            if name in known and known[name].path == path:
                return _parsed(text)
        return value_at(self.document, path)

    def has_value(self, path: str) -> bool:
        """Whether a key has a value, known or not, that is not empty."""
        known = self.keys.variables if self.keys is not None else {}
        is_secret = any(name in known and known[name].path == path for name in self.secrets)
        return is_secret or bool(self.value(path))


def _parsed(text: str) -> object:
    try:
        return json.loads(text.lower())
    except ValueError:
        return text
