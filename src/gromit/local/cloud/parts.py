"""What a local cloud is assembled of: the processes it has, and what the product's own commands make for them."""

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import httpx2

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.private_files import write_atomically
from gromit.config.load import load_settings
from gromit.core.stack.catalogue import Catalogue
from gromit.local.aws.spec import EmulatorSpec
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.overlay import write_overlay
from gromit.local.cloud.platform import EmulatedAccount
from gromit.local.cloud.supervisor import ManagedProcess

GROMIT = (sys.executable, "-m", "gromit")
"""Begins every command line of the product."""

WORKERS = ("sow", "reap", "chitragupta")

_TERRAFORM = 90.0
"""Seconds that a worker may take to end: an interrupted terraform has 60 of them."""


@dataclass(frozen=True, slots=True)
class CloudParts:
    """The parts of one cloud."""

    place: CloudPaths
    facts: CloudState
    environ: Mapping[str, str]
    """The environment of the user who brings the cloud up."""

    def write_files(self) -> None:
        """Write the config file of the processes, and what terraform gets besides its stack."""
        write_atomically(
            self.place.settings, b"{} # the parts of this cloud are told everything by variables\n"
        )
        write_overlay(self.place.overlay, self.facts.url("aws"))

    def aws(self) -> ManagedProcess:
        """The emulated AWS."""
        facts, place = self.facts, self.place
        spec = EmulatorSpec(
            region=facts.region,
            port=facts.ports["aws"],
            dns_port=facts.ports["dns"],
            state=str(place.state),
            config_root=str(place.config),
            public=str(facts.ranges.public),
        )
        told = variables.command_variables(self.environ, place)
        return ManagedProcess(
            name="aws",
            command=spec.command,
            variables=told,
            ready=lambda: _listens(facts.ports["aws"]),
        )

    def serve(self) -> ManagedProcess:
        """`gromit serve`."""
        facts = self.facts
        return self._part(
            "serve",
            variables.serve_variables(self.environ, self.place, facts),
            lambda: _is_ready(facts),
        )

    def others(self) -> list[ManagedProcess]:
        """The gateway and the workers, which need serve."""
        facts, place = self.facts, self.place
        front = self._part(
            "gateway",
            variables.gateway_variables(self.environ, place, facts),
            lambda: _listens(facts.ports["gateway"]),
        )
        told = variables.worker_variables(self.environ, place, facts)
        workers = [
            self._part(name, told, lambda: True, "--watch", str(place.config)) for name in WORKERS
        ]
        return [front, *(replace(worker, patience=_TERRAFORM) for worker in workers)]

    def _part(
        self, name: str, told: Mapping[str, str], ready: Callable[[], bool], *arguments: str
    ) -> ManagedProcess:
        command = [*GROMIT, name, *arguments, "--conf", str(self.place.settings)]
        return ManagedProcess(name=name, command=command, variables=told, ready=ready)


def emulated_account(facts: CloudState) -> EmulatedAccount:
    """The emulated AWS account."""
    session = boto3.Session(
        variables.LOCAL_CREDENTIAL, variables.LOCAL_CREDENTIAL, region_name=facts.region
    )
    return EmulatedAccount(session, facts.url("aws"))


def cloud_catalogue(facts: CloudState) -> Catalogue:
    """What the cloud's environments consist of. Raises `ConfigError` if its catalogue is not good."""
    repositories = (
        load_settings(variables.components(facts)).settings.repos if facts.repositories else None
    )
    return catalogue_file.load_catalogue(
        Path(facts.catalogue) if facts.catalogue else None, repositories
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(facts: CloudState) -> bool:
    try:
        return (
            httpx2.get(f"{facts.url('health')}/readyz", timeout=5, trust_env=False).status_code
            == 200
        )
    except httpx2.HTTPError:
        return False
