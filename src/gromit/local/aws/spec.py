"""Settings of the process `aws`.

They have a module of their own: the emulator takes two seconds to import, and the process that
starts `aws` does not need it.
"""

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSpec:
    """Settings of the process `aws`, passed as JSON."""

    region: str
    port: int
    dns_port: int
    state: str
    config_root: str
    public: str
    """Range of public addresses."""

    @property
    def command(self) -> tuple[str, ...]:
        """Command line of the process."""
        return (sys.executable, "-m", "gromit.local.aws.process", json.dumps(asdict(self)))
