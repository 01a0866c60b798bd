"""The embedded terraform on copies of the Terraform files, without AWS."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gromit.adapters.terraform import guard as terraform_guard
from gromit.core.stack.terraform import TerraformCall, child_environment, cli_config
from tests.provider_process import SHARED, SharedProvider
from tests.stacks.hcl import PLATFORM, REPOSITORY, STACK
from tests.terraforms import shell_variables

_READ = ("src/gromit/catalogue",)
"""Folders that roots read besides their own files."""
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform in one folder, with the provider of one mirror and its own data directory."""

    folder: Path
    mirror: Path
    provider: SharedProvider = SHARED

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command, whatever its result."""
        config, data = self.folder / "terraform.rc", self.folder / ".terraform"
        config.write_text(cli_config(str(self.mirror)))
        script = str(Path(terraform_guard.__file__))
        argv = [
            sys.executable,
            "-I",
            script,
            str(os.getpid()),
            terraform_guard.EMBEDDED,
            *arguments,
        ]
        environment = child_environment(
            shell_variables(), TerraformCall(cli_config=str(config), data_dir=str(data))
        )
        provider = self.provider.attached(arguments[0], self.mirror, shell_variables())
        with provider as variables:
            return subprocess.run(
                argv,
                cwd=self.folder,
                env={**environment, **variables},
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )

    def does(self, *arguments: str) -> str:
        """Return what a command prints. Raises `AssertionError` with all its output if it fails."""
        done = self(*arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout


def copied(to: Path) -> Path:
    """Copy everything that terraform may read, laid out as in the repository."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    for place in (PLATFORM, STACK, *(REPOSITORY / path for path in _READ)):
        if place.exists():
            shutil.copytree(place, to / place.relative_to(REPOSITORY), ignore=ignored)
    return to
