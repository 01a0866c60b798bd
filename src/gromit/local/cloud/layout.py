"""The folder of a local cloud: where everything lies in it, and the facts that outlive a restart."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gromit.adapters.private_files import write_atomically
from gromit.errors import ConfigError, NotFound
from gromit.local.cloud.network import Ranges

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class CloudPaths:
    """Paths in a cloud's folder `root`, which is absolute."""

    root: Path

    @property
    def facts(self) -> Path:
        """What outlives a restart."""
        return self.root / "cloud.json"

    @property
    def processes(self) -> Path:
        """Which processes belong to the cloud, and how they are."""
        return self.root / "processes.json"

    @property
    def lock(self) -> Path:
        """Locked while the cloud is up."""
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """What the emulator holds."""
        return self.root / "aws.state"

    @property
    def config(self) -> Path:
        """The config root: the tree of config files."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """The cloud's own CA and what it issued."""
        return self.root / "pki"

    @property
    def tokens(self) -> Path:
        """Hashes of the gateway's tokens."""
        return self.root / "tokens.json"

    @property
    def token(self) -> Path:
        """The token that is good for every repository, in the clear, for this user alone."""
        return self.root / "token"

    @property
    def overlay(self) -> Path:
        """What is added to the terraform stack: the provider's endpoints."""
        return self.root / "overlay"

    @property
    def settings(self) -> Path:
        """The config file of the cloud's processes."""
        return self.root / "gromit.yaml"

    @property
    def terraform(self) -> Path:
        """Where terraform runs."""
        return self.root / "terraform"

    def certificate(self, name: str) -> Path:
        """The certificate of `ca`, or of somebody."""
        return self.pki / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Somebody's private key."""
        return self.pki / f"{name}-key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudState:
    """What a local cloud is, from its first start on."""

    domain: str
    region: str
    ranges: Ranges
    ports: Mapping[str, int] = field(default_factory=dict)
    """Port of `aws`, `dns`, `serve`, `health` and `gateway`, all on 127.0.0.1."""
    zone_id: str = ""
    account_id: str = ""
    catalogue: str = ""
    """Absolute path of the catalogue file (`GROMIT_CATALOGUE`); empty: the shipped one."""
    repositories: str = ""
    """What it is cut to (`GROMIT_REPOS`); empty: all of it."""

    def url(self, name: str, scheme: str = "http") -> str:
        """Where one of the cloud's parts answers."""
        return f"{scheme}://127.0.0.1:{self.ports[name]}"


def read_state(layout: CloudPaths) -> CloudState | None:
    """The facts of a cloud; None if there was never one in the folder. Raises `ConfigError` if they cannot be understood."""
    try:
        return _parse(json.loads(layout.facts.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"cannot read {layout.facts}: {error}", hint="remove the folder to begin anew"
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
    )


def require_state(layout: CloudPaths) -> CloudState:
    """The facts of a cloud that has been up. Raises `NotFound` if there was none."""
    facts = read_state(layout)
    if facts is None or not facts.zone_id:
        raise NotFound(
            f"there is no local cloud in {layout.root}",
            hint="`gromit local up` makes one; --dir names its folder",
        )
    return facts


def write_state(layout: CloudPaths, facts: CloudState) -> None:
    """Keep the facts."""
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
    }
    write_atomically(layout.facts, json.dumps(tree, indent=1).encode() + b"\n")
