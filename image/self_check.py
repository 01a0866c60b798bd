"""Check that an image can sow: its terraform and its provider accept the packaged stack.

    docker run --rm --read-only --network none --entrypoint python IMAGE /opt/gromit/self_check.py

It finds the program and the mirror as sow does, from the image's own settings. It configures no
backend and looks nothing up, so it needs neither a network nor an account.
"""

import os
import re
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from gromit import log
from gromit.adapters.terraform.process import ProcessResult, StopPolicy, run_process
from gromit.adapters.terraform.session import (
    PreparedRun,
    SessionDeps,
    TerraformConfig,
    TerraformSession,
)
from gromit.config.load import load_settings
from gromit.core.stack.terraform import Backend, TerraformCall
from gromit.errors import GromitError

_STEPS = (
    ("version",),
    ("init", "-backend=false", "-input=false", "-no-color"),
    ("validate", "-no-color"),
)
_WORTH_PRINTING = re.compile(r"(Terraform|OpenTofu) v|- Installed |Success!")


def check(session: TerraformSession, folder: Path) -> list[str]:
    """Run terraform on a copy of the packaged stack in `folder`; return its output.

    Raises `GromitError` if something is missing or wrong.
    """
    said: list[str] = []
    shutil.copytree(session.config.stack, folder, dirs_exist_ok=True)
    with session.opened() as ready:
        for arguments in _STEPS:
            ended = _run(session, ready, arguments, folder, said)
            if ended.code != 0:
                reason = ended.stderr or " ".join(said[-5:])
                raise GromitError(f"terraform {arguments[0]} ended with {ended.code}: {reason}")
    return said


def main() -> int:
    """Check the terraform of this machine or container, and return the exit code."""
    log.configure_logging("warn", "auto")
    chosen = load_settings(os.environ).settings.terraform
    with tempfile.TemporaryDirectory() as made:
        config = TerraformConfig(
            backend=Backend(bucket="none", region="none"),
            cache=Path(made, "cache"),
            work=Path(made, "work"),
            command=chosen.command,
            mirror=chosen.mirror,
        )
        session = TerraformSession(
            config,
            SessionDeps(environ=os.environ, mask=str, save_errored_state=lambda _name, _text: ""),
        )
        try:
            said = check(session, Path(made, "stack"))
        except GromitError as error:
            print(
                f"self check: {error}",
                *([f"  hint: {error.hint}"] if error.hint else []),
                sep="\n",
                file=sys.stderr,
            )
            return 1
        finally:
            session.close()
    print(*(line for line in said if _WORTH_PRINTING.match(line)), sep="\n")
    return 0


def _run(
    session: TerraformSession,
    ready: PreparedRun,
    arguments: tuple[str, ...],
    folder: Path,
    said: list[str],
) -> ProcessResult:
    call = TerraformCall(
        cli_config=str(ready.folder.cli_config), data_dir=str(folder / ".terraform")
    )
    policy = StopPolicy(
        timeout_s=timedelta(minutes=2).total_seconds(), grace_s=5, interrupted=session.interrupted
    )
    return run_process(session.process_spec(ready, arguments, call, folder), policy, said.append)


if __name__ == "__main__":
    sys.exit(main())
