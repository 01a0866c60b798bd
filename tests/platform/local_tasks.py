"""gromit's own parts, run from the applied task definitions of `terraform/infra` as ECS would.

The Fargate simulator runs a small program in place of every image. Here the parts themselves run,
as local processes, with exactly the command, variables and secrets that ECS would give them. Names
that need a container's network or volumes are replaced: `/certs` becomes the folder that the part's
access point exposes, and `serve.internal` a loopback address, also as a name in its certificate.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from tests.e2e.processes import Process
from tests.platform.emulator import Emulator

SERVICES = ("serve", "gateway", "sow", "chitragupta")
"""Parts that run all the time, with `watch`."""


@dataclass
class LocalTasks:
    """The tasks of the control plane in one emulated account."""

    emulator: Emulator
    volumes: Mapping[str, Path]
    """Volume name to the root folder of each EFS volume."""
    addresses: IPv4Network
    """Loopback addresses for the tasks."""
    image: Mapping[str, str]
    """Variables that the image or the machine brings."""
    logs: Path
    running: dict[str, Process] = field(default_factory=dict)

    def address(self, part: str) -> str:
        """Return the address on which a part listens."""
        return str(self.addresses[10 + SERVICES.index(part)])

    def run(self, part: str, **extra: str) -> Process:
        """Start one task of a part; the caller must close it."""
        container, folders = self._container(part), self._mounted(part)
        variables = {
            v["name"]: self._here(part, v["value"], folders) for v in container["environment"]
        }
        arguments = [self._here(part, word, folders) for word in container["command"]]
        environ = {**self.image, **variables, **self._secrets(container), **extra}
        log = self.logs / f"{part}-{len(list(self.logs.iterdir()))}"
        return Process("gromit", arguments, environ, log)

    def once(self, part: str, **extra: str) -> Process:
        """Run one task of a part to its successful end."""
        process = self.run(part, **extra).ended(0)
        process.close()
        return process

    def start_services(self) -> None:
        """Start the services as soon as ECS has them.

        pki issues the missing certificates first, because the other tasks need them.
        """
        if not self.running and self._wanted():
            self.once("pki")
            for part in SERVICES:
                self.running[part] = self.run(part, GROMIT_REAP_GRACE="0")

    def restart(self) -> None:
        """Stop everything, as for a new release of the image; `start_services` starts it again."""
        for process in self.running.values():
            process.signal(signal.SIGTERM)
        for process in self.running.values():
            process.ended(0)
            process.close()
        self.running.clear()

    def close(self) -> None:
        """Stop all tasks."""
        for process in self.running.values():
            process.close()

    def _wanted(self) -> bool:
        ecs = self.emulator.client("ecs")
        if not any(arn.endswith("/internal") for arn in ecs.list_clusters()["clusterArns"]):
            return False
        found = ecs.list_services(cluster="internal")["serviceArns"]
        return {f"gromit-{part}" for part in SERVICES} <= {arn.rpartition("/")[2] for arn in found}

    def _container(self, part: str) -> dict[str, Any]:
        (container,) = self._definition(part)["containerDefinitions"]
        assert isinstance(container, dict)
        return container

    def _definition(self, part: str) -> dict[str, Any]:
        found = self.emulator.client("ecs").describe_task_definition(
            taskDefinition=f"gromit-{part}"
        )["taskDefinition"]
        assert isinstance(found, dict)
        return found

    def _mounted(self, part: str) -> dict[str, Path]:
        """Return each mount's path and the folder that its access point exposes."""
        definition = self._definition(part)
        shown = {
            v["name"]: v["efsVolumeConfiguration"]
            for v in definition["volumes"]
            if "efsVolumeConfiguration" in v
        }
        mounts = {
            m["sourceVolume"]: m["containerPath"]
            for m in definition["containerDefinitions"][0]["mountPoints"]
        }
        return {
            mounts[name]: self._shown(volume["authorizationConfig"]["accessPointId"])
            for name, volume in shown.items()
        }

    def _shown(self, access_point: str) -> Path:
        """Return the folder of an access point.

        As on AWS, it is created only if the access point names its owner. Otherwise the mount
        fails, and the task does not start.
        """
        efs = self.emulator.client("efs")
        (point,) = efs.describe_access_points(AccessPointId=access_point)["AccessPoints"]
        (volume,) = efs.describe_file_systems(FileSystemId=point["FileSystemId"])["FileSystems"]
        path: str = point["RootDirectory"]["Path"]
        folder = self.volumes[volume["CreationToken"]] / path.lstrip("/")
        if "CreationInfo" in point["RootDirectory"]:
            folder.mkdir(mode=0o700, exist_ok=True)
        assert folder.is_dir(), f"{folder} cannot be mounted"
        return folder

    def _secrets(self, container: Mapping[str, Any]) -> dict[str, str]:
        secrets = self.emulator.client("secretsmanager")
        return {
            s["name"]: secrets.get_secret_value(SecretId=s["valueFrom"])["SecretString"]
            for s in container.get("secrets", ())
        }

    def _here(self, part: str, word: str, folders: Mapping[str, Path]) -> str:
        """Return a word of a task definition as it reads on this machine."""
        for path, folder in folders.items():
            if word == path or word.startswith(f"{path}/"):
                return str(folder) + word.removeprefix(path)
        for other in ("serve", "gateway"):
            word = word.replace(f"{other}.internal", self.address(other))
        return word.replace("0.0.0.0:", f"{self.address(part)}:") if part in SERVICES else word
