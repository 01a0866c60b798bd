"""The folder of a local cloud: its paths, and the state that survives a restart."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gromit.adapters.private_files import private_file_errors, write_atomically
from gromit.errors import ConfigError, NotFound
from gromit.local.cloud.network import Ranges

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class CloudPaths:
    """Paths in a cloud's folder `root`, which is absolute."""

    root: Path

    def make_folders(self) -> None:
        """Make its folder and that of its logs. Raises `ConfigError` if that is not possible."""
        with private_file_errors(f"make a folder in {self.root}"):
            self.logs.mkdir(parents=True, exist_ok=True)

    @property
    def facts(self) -> Path:
        """State of the cloud, which survives a restart."""
        return self.root / "cloud.json"

    @property
    def processes(self) -> Path:
        """The cloud's processes and their status."""
        return self.root / "processes.json"

    @property
    def lock(self) -> Path:
        """Locked while the cloud is up."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """State of the emulator."""
        return self.root / "aws.state"

    @property
    def config(self) -> Path:
        """The config root: the tree of config files."""
        return self.root / "config"

    @property
    def programs(self) -> Path:
        """Files of the real programs that run in place of components."""
        return self.root / "programs"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """The cloud's own CA and its certificates."""
        return self.root / "pki"

    @property
    def tokens(self) -> Path:
        """Hashes of the gateway's tokens."""
        return self.root / "tokens.json"

    @property
    def token(self) -> Path:
        """Token for all repositories in plain text, readable by this user only."""
        return self.root / "token"

    @property
    def login_secrets(self) -> Path:
        """Secrets of the cloud's logins, readable by this user only."""
        return self.root / "login-secrets.json"

    @property
    def login(self) -> Path:
        """The login that `gromit login` keeps for this cloud."""
        return self.root / "login.json"

    @property
    def overlay(self) -> Path:
        """Files added to the terraform stack: the provider's endpoints."""
        return self.root / "overlay"

    @property
    def settings(self) -> Path:
        """The config file of the cloud's processes."""
        return self.root / "gromit.yaml"

    @property
    def terraform(self) -> Path:
        """Folder that terraform runs in."""
        return self.root / "terraform"

    def certificate(self, name: str) -> Path:
        """Return the path of the certificate of `ca` or a holder."""
        return self.pki / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Return the path of the private key of `ca` or a holder."""
        return self.pki / f"{name}-key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudState:
    """State of a local cloud, from its first start on."""

    domain: str
    region: str
    ranges: Ranges
    ports: Mapping[str, int] = field(default_factory=dict)
    """Port of `aws`, `dns`, `names`, `serve`, `health`, `gateway`, `metrics` and `login`, all on
    127.0.0.1."""
    zone_id: str = ""
    account_id: str = ""
    catalogue: str = ""
    """Absolute path of the catalogue file (`GROMIT_CATALOGUE`); empty for the shipped one."""
    repositories: str = ""
    """Repositories that it is limited to (`GROMIT_REPOS`); empty for all."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Role by name of the made-up people with a login; empty for a cloud without one."""
    grace: str = "0"
    """Time between a deletion and its reaping (`GROMIT_REAP_GRACE`)."""

    def url(self, name: str, scheme: str = "http") -> str:
        """Return the URL of one of the cloud's parts."""
        return f"{scheme}://127.0.0.1:{self.ports[name]}"


def read_state(place: CloudPaths) -> CloudState | None:
    """Return the state of a cloud; None if the folder never had one.

    Raises `ConfigError` if the state cannot be read.
    """
    try:
        return _parse(json.loads(place.facts.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"cannot read {place.facts}: {error}",
            hint=f"Remove {place.root} to start with a new cloud.",
        ) from error


def _parse(tree: Any) -> CloudState:
    if tree["format"] != _FORMAT:
        raise ValueError(f"format {tree['format']}")
    return CloudState(
        domain=str(tree["domain"]),
        region=str(tree["region"]),
        ranges=Ranges(ipaddress.IPv4Network(tree["vpc"]), ipaddress.IPv4Network(tree["public"])),
        ports={str(name): int(port) for name, port in tree["ports"].items()},
        zone_id=str(tree["zone_id"]),
        account_id=str(tree["account_id"]),
        catalogue=str(tree.get("catalogue", "")),
        repositories=str(tree.get("repositories", "")),
        people={str(name): str(role) for name, role in tree.get("people", {}).items()},
        grace=str(tree.get("grace", "0")),
    )


def require_state(place: CloudPaths) -> CloudState:
    """Return the state of a cloud that has been up. Raises `NotFound` if there is none."""
    facts = read_state(place)
    if facts is None or not facts.zone_id:
        raise NotFound(
            f"there is no local cloud in {place.root}",
            hint="Run `gromit local up` to make one; --dir names its folder.",
        )
    return facts


def write_state(place: CloudPaths, facts: CloudState) -> None:
    """Write the state of a cloud."""
    tree = {
        "format": _FORMAT,
        "domain": facts.domain,
        "region": facts.region,
        "vpc": str(facts.ranges.vpc),
        "public": str(facts.ranges.public),
        "ports": dict(facts.ports),
        "zone_id": facts.zone_id,
        "account_id": facts.account_id,
        "catalogue": facts.catalogue,
        "repositories": facts.repositories,
        "people": dict(facts.people),
        "grace": facts.grace,
    }
    write_atomically(place.facts, json.dumps(tree, indent=1).encode() + b"\n")
