"""Parts of the contract tests: terraforms, stacks, runners, workers and people."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.lock_owners import ProcessOwnerWatch
from gromit.adapters.procfs import PROC, read_stat
from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.session import DEVENV, SessionDeps, TerraformConfig
from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.stack.contract import ComponentInput, Platform, StackInput
from gromit.core.stack.terraform import Backend, inputs_json, state_key
from gromit.log import mask
from tests.contracts.leftovers import resource_clients
from tests.contracts.terraform.cloud import BUCKET, REGION, Cloud

BARE = Path(__file__).with_name("bare")
"""A stack without a provider, with the real one's inputs and output; slow on demand."""

PLATFORM = Platform(
    vpc_id="vpc-1",
    vpc_cidr="10.91.0.0/16",
    public_subnets=("subnet-1",),
    private_subnets=("subnet-2",),
    namespace_id="ns-1",
    file_system_id="fs-1",
    execution_role_arn="arn:aws:iam::123456789012:role/execution",
    registry="123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    region=REGION,
)


def component(**changes: Any) -> ComponentInput:
    """Return a small public component with the given changes."""
    plain = ComponentInput(
        image="redis:7",
        port=6379,
        public=True,
        command=(),
        config_path=None,
        environment={},
        secrets={},
        cpu=256,
        memory=512,
        labels={},
    )
    return replace(plain, **changes)


@dataclass(frozen=True, slots=True)
class World:
    """One emulated AWS, one terraform, one provider."""

    cloud: Cloud
    command: str
    mirror: Path | None
    folder: Path
    cache: Path

    def bucket(self) -> S3StateBucket:
        """Return the bucket of states."""
        return S3StateBucket(
            client=self.cloud.s3,
            bucket=BUCKET,
            who="worker@test",
            now=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid4()),
        )

    def resources(self) -> AwsEnvironmentResources:
        """Return the resources of environments in AWS."""
        return AwsEnvironmentResources(resource_clients(self.cloud))

    def setup(self, stack: Path = DEVENV, **changes: Any) -> TerraformConfig:
        """Return the settings of a runner."""
        backend = Backend(bucket=BUCKET, region=REGION, extra=("use_path_style=true",))
        overlay = self.cloud.overlay(self.folder / "overlay") if stack == DEVENV else None
        plain = TerraformConfig(
            backend=backend,
            cache=self.cache,
            work=self.folder / "work",
            command=self.command,
            mirror=self.mirror,
            overlay=overlay,
            stack=stack,
        )
        return replace(plain, **changes)

    def runner(
        self, stack: Path = DEVENV, *, environ: Mapping[str, str] | None = None, **changes: Any
    ) -> Terraform:
        """Create a runner in this world."""
        outside = SessionDeps(
            environ=environ or self.cloud.environ,
            mask=mask,
            save_errored_state=self.bucket().keep_errored,
        )
        return Terraform(self.setup(stack, **changes), outside)

    def lock(self, environment: str) -> Lock:
        """Take the environment's lock."""
        taken = self.bucket().lock(environment, ProcessOwnerWatch().identify(), "apply")
        assert isinstance(taken, Lock), taken
        return taken

    def state(self, environment: str) -> Mapping[str, Any]:
        """Return the environment's state in the bucket."""
        body = self.cloud.s3.get_object(Bucket=BUCKET, Key=state_key(environment))["Body"].read()
        state = json.loads(body)
        assert isinstance(state, dict)
        return state

    def spawn(
        self, action: str, stack: Path, environment: StackInput, *arguments: str, **pipes: Any
    ) -> subprocess.Popen[str]:
        """Start a process that works on an environment (`worker.py`)."""
        settings = {
            "url": self.cloud.url,
            "command": self.command,
            "mirror": str(self.mirror) if self.mirror else None,
            "folder": str(self.folder),
            "cache": str(self.cache),
            "stack": str(stack),
            "inputs": json.loads(inputs_json(environment)),
            "arguments": arguments,
        }
        argv = [
            sys.executable,
            "-m",
            "tests.contracts.terraform.worker",
            action,
            json.dumps(settings),
        ]
        root = Path(__file__).parents[3]
        return subprocess.Popen(
            argv, cwd=root, text=True, stdout=subprocess.PIPE, env=dict(os.environ), **pipes
        )


def bare(name: str, *components: str) -> StackInput:
    """Return an environment of the bare stack.

    A component `slow…` takes a minute to create, `bad…` fails, and `leak…` prints a secret.
    """
    return StackInput(
        name=name, platform=PLATFORM, components={n: component() for n in components or ("quick",)}
    )


def managed(state: Mapping[str, Any]) -> list[str]:
    """Return types and names of the resources in a state."""
    return sorted(
        f"{r['type']}.{r['name']}"
        for r in state["resources"]
        for _ in r["instances"]
        if r["mode"] == "managed"
    )


def under(lock_id: str) -> list[int]:
    """Return the processes that work under a lock; zombies have no environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and f"GROMIT_LOCK_ID={lock_id}".encode() in (
                folder / "environ"
            ).read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def provider_arguments(lock_id: str) -> list[list[str]]:
    """Return the arguments of each provider under a lock."""
    commands = ((PROC / str(pid) / "cmdline").read_text().split("\0") for pid in under(lock_id))
    return [rest[:-1] for program, *rest in commands if "terraform-provider" in program]


def terraform_of(lock_id: str) -> int:
    """Return the terraform under a lock: the child of its guard, which leads the session."""
    guard = next(pid for pid in under(lock_id) if os.getsid(pid) == pid)
    return next(pid for pid in under(lock_id) if read_stat(PROC / str(pid)).parent == guard)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process of a test, like the kernel when memory runs out."""
    process.send_signal(signal.SIGKILL)
    process.wait(30)


def found_lock(world: World, environment: str) -> FoundLock:
    """Return the lock of an environment."""
    found = world.bucket().find_lock(environment)
    assert found is not None
    return found
