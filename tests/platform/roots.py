"""A root of `terraform/`: copied, pointed to the emulator by override files, and run.

    with running_emulator() as emulator:
        root = Root.copied("base", tmp_path, engine, emulator, {"organization": "example"})
        root.apply()
        assert root.plan().is_empty
        root.output("registries")
        root.destroy()

One override file replaces the `cloud` block, another names the endpoints, and a third lets the
tests destroy what `prevent_destroy` keeps. Nothing else of a root changes.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from gromit.adapters.terraform import guard as terraform_guard
from gromit.core.stack.terraform import TerraformCall, child_environment, cli_config
from tests.platform.emulator import Emulator
from tests.provider_process import SHARED
from tests.stacks.hcl import Directory

REPOSITORY = Path(__file__).parents[2]
CATALOGUE = Path("src", "gromit", "catalogue")
"""Path in the repository of the only folder that roots read besides their own files."""

_SERVICES = (
    "acm",
    "cloudwatch",
    "cloudwatchevents",
    "cloudwatchlogs",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "efs",
    "elb",
    "iam",
    "kms",
    "route53",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "sns",
    "ssm",
    "sts",
)
"""Names in the provider's `endpoints` block that every version from 3.39 knows.

Later versions also read `AWS_ENDPOINT_URL`.
"""
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
_TIMEOUT_S = 300
_CHANGED = 2
"""Exit code of `plan -detailed-exitcode` if there are changes."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A terraform, and the folder from which it takes its AWS provider."""

    mirror: Path
    program: str = terraform_guard.EMBEDDED

    @property
    def provider_major(self) -> int:
        """Return the major version of the newest AWS provider in the mirror."""
        versions = (
            p.name for p in (self.mirror / "registry.terraform.io" / "hashicorp" / "aws").iterdir()
        )
        return max(int(version.partition(".")[0]) for version in versions)


@dataclass(frozen=True, slots=True)
class Plan:
    """Planned changes of a root."""

    document: Mapping[str, Any]
    """`terraform show -json` of the plan."""
    text: str
    """The plan as shown to a person."""
    is_empty: bool
    """Whether terraform itself says that nothing changes, outputs included."""

    @property
    def actions(self) -> Mapping[str, tuple[str, ...]]:
        """Return address to planned actions, without resources that stay or are only read."""
        changes = {
            r["address"]: tuple(r["change"]["actions"])
            for r in self.document.get("resource_changes", [])
        }
        return {
            address: actions
            for address, actions in changes.items()
            if actions not in {("no-op",), ("read",)}
        }


class TerraformError(AssertionError):
    """Terraform failed; the message is its output."""


@dataclass(frozen=True, slots=True)
class Root:
    """One root in a folder of its own."""

    PLAN: ClassVar[str] = "plan"

    folder: Path
    engine: Engine
    environ: Mapping[str, str]
    said: list[str] = field(default_factory=list)
    """Output of all runs so far, without plans as JSON: like the state, they hold all values."""

    @classmethod
    def copied(
        cls, name: str, to: Path, engine: Engine, emulator: Emulator, variables: Mapping[str, Any]
    ) -> Self:
        """Copy `terraform/<name>` with its modules and catalogue, and initialise it.

        It gets the given values of its variables.
        """
        root = cls.pointed(name, to, engine, emulator, variables)
        root.run("init", "-input=false")
        return root

    @classmethod
    def pointed(
        cls, name: str, to: Path, engine: Engine, emulator: Emulator, variables: Mapping[str, Any]
    ) -> Self:
        """Do the same without `init`."""
        root = cls(copied(to) / name, engine, emulator.environ)
        write_overrides(root.folder, engine, emulator.url)
        root.give(variables)
        return root

    def give(self, variables: Mapping[str, Any]) -> None:
        """Set other values of its variables from now on."""
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(variables))

    def apply(self, *arguments: str) -> None:
        """Apply the root, or exactly the last plan with `Root.PLAN`."""
        self.run("apply", "-input=false", "-auto-approve", *arguments)

    def destroy(self) -> None:
        """Destroy all resources."""
        self.run("destroy", "-input=false", "-auto-approve")

    def plan(self, *arguments: str) -> Plan:
        """Return the changes that an apply would make now."""
        done = self.run(
            "plan",
            "-input=false",
            "-detailed-exitcode",
            f"-out={self.PLAN}",
            *arguments,
            accepted=(0, _CHANGED),
        )
        document = json.loads(self.run("show", "-json", self.PLAN).stdout)
        return Plan(document, done.stdout, is_empty=done.returncode == 0)

    def outputs(self) -> Mapping[str, Any]:
        """Return all outputs as `terraform output -json`: with `sensitive`, `type` and `value`."""
        found = json.loads(self.run("output", "-json").stdout)
        assert isinstance(found, dict)
        return found

    def output(self, name: str) -> Any:
        """Return the value of one output."""
        return self.outputs()[name]["value"]

    def resources(self) -> list[str]:
        """Return the addresses in the root's state."""
        return self.run("state", "list").stdout.split()

    def run(
        self, command: str, *arguments: str, accepted: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """Run one terraform command. Raises `TerraformError` on a code that is not accepted."""
        config = self.folder.parent / f"{self.folder.name}.rc"
        config.write_text(cli_config(str(self.engine.mirror)))
        call = TerraformCall(cli_config=str(config), data_dir=str(self.folder / ".terraform"))
        script = str(Path(terraform_guard.__file__))
        argv = [
            sys.executable,
            "-I",
            script,
            str(os.getpid()),
            self.engine.program,
            command,
            *_colourless(command),
            *arguments,
        ]
        environment = child_environment(self.environ, call)
        with self._provider(command) as variables:
            done = subprocess.run(
                argv,
                cwd=self.folder,
                env={**environment, **variables},
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        self.said.append(done.stderr if command == "show" else done.stdout + done.stderr)
        if done.returncode not in accepted:
            raise TerraformError(
                f"terraform {command} of {self.folder.name} ended with {done.returncode}\n"
                f"{self.said[-1]}"
            )
        return done

    def _provider(self, command: str) -> AbstractContextManager[Mapping[str, str]]:
        """Lend the shared provider to the embedded terraform; others start their own."""
        if self.engine.program != terraform_guard.EMBEDDED:
            return nullcontext({})
        return SHARED.attached(command, self.engine.mirror, self.environ)


def variable(name: str, value: Any) -> str:
    """Return the argument that sets a variable."""
    return f"-var={name}={value if isinstance(value, str) else json.dumps(value)}"


def copied(to: Path) -> Path:
    """Copy all of `terraform/`, and the catalogue at the same distance; at most once per folder."""
    folder = to / "terraform"
    if not folder.exists():
        shutil.copytree(
            REPOSITORY / "terraform",
            folder,
            ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"),
        )
        shutil.copytree(REPOSITORY / CATALOGUE, to / CATALOGUE)
    return folder


def _colourless(command: str) -> tuple[str, ...]:
    return () if command == "state" else ("-no-color",)


def write_overrides(folder: Path, engine: Engine, url: str) -> None:
    """Point a root to the emulator, and keep its state in its folder."""
    (folder / "state_override.tf").write_text(_LOCAL_STATE)
    (folder / "endpoints_override.tf").write_text(_endpoints(url, engine.provider_major))
    for directory in (folder, *(folder.parent / "modules").glob("*")):
        kept = "\n".join(_destroyable(directory))
        if kept:
            (directory / "destroyable_override.tf").write_text(kept)


def _endpoints(url: str, provider_major: int) -> str:
    """Return the provider's override.

    Path style avoids DNS for a bucket's own name. Provider 4 renamed its argument.
    """
    path_style = "s3_force_path_style" if provider_major < 4 else "s3_use_path_style"
    endpoints = "".join(f'    {service} = "{url}"\n' for service in _SERVICES)
    return (
        f'provider "aws" {{\n  {path_style} = true\n'
        "  skip_credentials_validation = true\n  skip_metadata_api_check = true\n"
        f"  endpoints {{\n{endpoints}  }}\n}}\n"
    )


def _destroyable(folder: Path) -> Iterator[str]:
    """Yield an override for each resource with `prevent_destroy`.

    Terraform merges `lifecycle` by argument, so each override replaces only this one.
    """
    texts = {path.name: path.read_text() for path in folder.glob("*.tf")}
    for block in Directory(name=folder.name, texts=texts, is_root=False).blocks("resource"):
        if any(lifecycle.get("prevent_destroy") for lifecycle in block.body.get("lifecycle", [])):
            kind, name = block.labels
            yield (
                f'resource "{kind}" "{name}" {{\n'
                "  lifecycle {\n    prevent_destroy = false\n  }\n}\n"
            )
