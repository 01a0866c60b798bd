"""What the process `aws` is told: apart from it, as the emulator takes two seconds to import, and its starters need none of it."""

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSpec:
    """What the process is told."""

    region: str
    port: int
    dns_port: int
    state: str
    config_root: str
    public: str
    """The network that public addresses come from."""

    @property
    def command(self) -> tuple[str, ...]:
        """How the process is started."""
        return (sys.executable, "-m", "gromit.local.aws.process", json.dumps(asdict(self)))
