"""Settings of the process `aws`.

They have a module of their own: the emulator takes two seconds to import, and the process that
starts `aws` does not need it.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from gromit.local.aws.programs import RealProgram


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
    mongo: str | None = None
    """Address of the Mongo server; None for a cloud without one."""
    simulated: Mapping[str, str] = field(default_factory=dict)
    """Component to the name of its program, which is simulated unless a real one runs."""
    programs: Mapping[str, RealProgram] = field(default_factory=dict)
    """Real programs by the names of the components that they run for."""
    program_folder: str = ""
    """Folder that they share."""
    names_port: int = 0
    """Port of the proxy for public names; 0: any."""
    domain: str = ""
    public_ports: Mapping[str, int] = field(default_factory=dict)
    """Public port of each component that has one."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings of a command line."""
        tree = json.loads(text)
        programs = {
            component: RealProgram(**{**program, "arguments": tuple(program["arguments"])})
            for component, program in tree.pop("programs").items()
        }
        return cls(**tree, programs=programs)

    @property
    def command(self) -> tuple[str, ...]:
        """Command line of the process."""
        return (sys.executable, "-m", "gromit.local.aws.process", json.dumps(asdict(self)))
