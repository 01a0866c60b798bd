"""The processes of a local cloud, with their command lines, variables and readiness."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import boto3
import httpx2

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.private_files import write_atomically
from gromit.config.load import load_settings
from gromit.core.stack.catalogue import Catalogue
from gromit.local.aws.containers import ContainerSpec, container_command, run_program
from gromit.local.aws.programs import ProgramFolder, RealProgram
from gromit.local.aws.spec import EmulatorSpec
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.overlay import write_overlay
from gromit.local.cloud.platform import MONGO, MONGO_PORT, EmulatedAccount
from gromit.local.cloud.supervisor import ManagedProcess
from gromit.local.login.spec import ProviderSpec
from gromit.local.plain_http import no_cas

GROMIT = (sys.executable, "-m", "gromit")
"""Beginning of every command line of the product."""

WORKERS = ("sow", "reap", "chitragupta")

_WORKER_GRACE = 90.0
"""Seconds that a worker may take to end; an interrupted terraform has 60 of them."""


@dataclass(frozen=True, slots=True)
class CloudParts:
    """The parts of one cloud."""

    place: CloudPaths
    facts: CloudState
    environ: Mapping[str, str]
    """The environment of the user who brings the cloud up."""
    programs: Mapping[str, RealProgram] = field(default_factory=dict)
    """Real programs by the names of the components that they run for."""

    def write_files(self) -> None:
        """Write the config file of the processes, and the overlay of the terraform stack."""
        write_atomically(
            self.place.settings, b"{} # variables hold all settings of this cloud's parts\n"
        )
        write_overlay(self.place.overlay, self.facts.url("aws"))

    def aws(self) -> ManagedProcess:
        """Return the process of the emulated AWS."""
        facts, place = self.facts, self.place
        components = cloud_catalogue(facts).components
        spec = EmulatorSpec(
            region=facts.region,
            port=facts.ports["aws"],
            dns_port=facts.ports["dns"],
            state=str(place.state),
            config_root=str(place.config),
            public=str(facts.ranges.public),
            mongo=None if self._mongo else facts.ranges.mongo,
            simulated={name: c.program for name, c in components.items() if c.program},
            programs=self.programs,
            program_folder=str(place.programs),
            names_port=facts.ports["names"],
            domain=facts.domain,
            public_ports={name: c.port for name, c in components.items() if c.public and c.port},
        )
        return ManagedProcess(
            name="aws",
            command=spec.command,
            variables=variables.command_variables(self.environ, place),
            ready=lambda: _listens(facts.ports["aws"]),
        )

    def mongo(self) -> ManagedProcess | None:
        """Return the process of a real Mongo; None if the emulated AWS has one."""
        if self._mongo is None:
            return None
        address = self.facts.ranges.mongo
        spec = ContainerSpec(answer={}, addresses=(address,), port=MONGO_PORT, config=None)
        spec = run_program(spec, self._mongo, ProgramFolder(self.place.programs))
        return ManagedProcess(
            name=MONGO,
            command=container_command(spec),
            variables={"PATH": self.environ.get("PATH", os.defpath), **spec.variables},
            ready=lambda: _listens(MONGO_PORT, address),
        )

    @property
    def _mongo(self) -> RealProgram | None:
        """Real program of the platform's Mongo; a component may have the same name."""
        taken = MONGO in cloud_catalogue(self.facts).components
        return None if taken else self.programs.get(MONGO)

    def serve(self) -> ManagedProcess:
        """Return the process of `gromit serve`."""
        facts = self.facts
        return self._part(
            "serve",
            variables.serve_variables(self.environ, self.place, facts),
            lambda: _is_ready(facts),
        )

    def login(self) -> ManagedProcess | None:
        """Return the process of the provider of logins; None for a cloud without a login."""
        facts, place = self.facts, self.place
        if not facts.people:
            return None
        spec = ProviderSpec(
            port=facts.ports["login"],
            gateway=facts.url("gateway"),
            secrets=str(place.login_secrets),
            people=facts.people,
        )
        return ManagedProcess(
            name="login",
            command=spec.command,
            variables=variables.command_variables(self.environ, place),
            ready=lambda: _listens(facts.ports["login"]),
        )

    def others(self) -> list[ManagedProcess]:
        """Return the gateway, the provider of logins and the workers, which need serve."""
        facts, place = self.facts, self.place
        gateway = self._part(
            "gateway",
            variables.gateway_variables(self.environ, place, facts),
            lambda: _listens(facts.ports["gateway"]),
        )
        environ = variables.worker_variables(self.environ, place, facts)
        workers = [
            self._part(name, environ, lambda: True, "--watch", str(place.config))
            for name in WORKERS
        ]
        doors = [part for part in (gateway, self.login()) if part is not None]
        return [*doors, *(replace(worker, grace_s=_WORKER_GRACE) for worker in workers)]

    def _part(
        self, name: str, environ: Mapping[str, str], ready: Callable[[], bool], *arguments: str
    ) -> ManagedProcess:
        command = [*GROMIT, name, *arguments, "--conf", str(self.place.settings)]
        return ManagedProcess(name=name, command=command, variables=environ, ready=ready)


def emulated_account(facts: CloudState) -> EmulatedAccount:
    """Return the emulated AWS account."""
    session = boto3.Session(
        variables.LOCAL_CREDENTIAL, variables.LOCAL_CREDENTIAL, region_name=facts.region
    )
    return EmulatedAccount(session, facts.url("aws"))


def cloud_catalogue(facts: CloudState) -> Catalogue:
    """Return the catalogue of the cloud's environments. Raises `ConfigError` if it is invalid."""
    path = Path(facts.catalogue) if facts.catalogue else None
    repositories = None
    if facts.repositories:
        repositories = load_settings(variables.components(facts)).settings.repos
    return catalogue_file.load_catalogue(path, repositories)


def _listens(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _is_ready(facts: CloudState) -> bool:
    url = f"{facts.url('health')}/readyz"
    try:
        answer = httpx2.get(url, timeout=5, trust_env=False, verify=no_cas())
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200
