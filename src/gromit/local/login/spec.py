"""Settings of the process `login`, apart from the provider, which is slow to import."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """Settings of the process `login`, passed as JSON; secrets come from a file."""

    port: int
    gateway: str
    """URL of the gateway."""
    secrets: str
    """File of `LoginSecrets`."""
    people: Mapping[str, str]
    """Role by name."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings of a command line."""
        return cls(**json.loads(text))

    @property
    def issuer(self) -> str:
        """URL of the provider, as it names itself."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> tuple[str, ...]:
        """Command line of the process."""
        return (sys.executable, "-m", "gromit.local.login.process", json.dumps(asdict(self)))
