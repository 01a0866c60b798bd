"""Arguments and variables of a run's terraforms, seen by a program in terraform's place."""

from pathlib import Path

import pytest

from gromit.adapters.terraform.session import SessionDeps, TerraformConfig, TerraformSession
from gromit.core.stack.terraform import Backend
from gromit.errors import TerraformFailed

SECRET = "aKeyThatNobodyMaySee"
PROGRAM = """#!/bin/sh
case "$1" in
  version) echo "Terraform v1.15.5" ;;
  init)
    tr '\\0' '\\n' < /proc/$$/cmdline > "$SEEN/arguments"
    env > "$SEEN/environment"
    for argument in "$@"; do
      case "$argument" in
        -backend-config=*=*) ;;
        -backend-config=*) cat "${argument#-backend-config=}" > "$SEEN/backend" ;;
      esac
    done
    if [ -e "$SEEN/refuse" ]; then cat "$SEEN/backend" >&2; exit 1; fi ;;
esac
"""


@pytest.fixture
def session(tmp_path: Path) -> TerraformSession:
    program, stack, folder = tmp_path / "terraform", tmp_path / "stack", tmp_path / "seen"
    program.write_text(PROGRAM.replace("$SEEN", str(folder)))
    program.chmod(0o755)
    for made in (stack, folder):
        made.mkdir()
    setup = TerraformConfig(
        backend=Backend(
            bucket="states",
            region="eu-central-1",
            extra=(f"secret_key={SECRET}", "use_path_style=true"),
        ),
        cache=tmp_path / "cache",
        work=tmp_path / "a=b" / "work",
        command=str(program),
        mirror=tmp_path,
        stack=stack,
    )
    return TerraformSession(
        setup,
        SessionDeps(
            environ={"PATH": "/usr/bin:/bin"},
            mask=lambda text: text,
            save_errored_state=lambda _name, _state: "",
        ),
    )


def test_the_backends_settings_reach_terraform_but_not_its_arguments(
    session: TerraformSession, tmp_path: Path
) -> None:
    with session.initialised():
        pass
    assert f'secret_key = "{SECRET}"' in (tmp_path / "seen" / "backend").read_text()
    assert "-backend-config=use_lockfile=false" in (tmp_path / "seen" / "arguments").read_text()
    for place in ("arguments", "environment"):
        assert SECRET not in (tmp_path / "seen" / place).read_text()
    session.close()
    assert not list((tmp_path / "a=b" / "work").iterdir())


def test_an_init_by_hand_in_an_environments_folder_is_given_them_too(
    session: TerraformSession, tmp_path: Path
) -> None:
    with session.opened() as ready, ready.folder.environment("{}") as folder:
        session.init(ready, folder.path, str(folder.path / ".terraform"), own_lock=True)
    assert SECRET in (tmp_path / "seen" / "backend").read_text()
    assert "-backend-config=use_lockfile=true" in (tmp_path / "seen" / "arguments").read_text()
    session.close()


def test_what_terraform_quotes_of_the_settings_is_masked(
    session: TerraformSession, tmp_path: Path
) -> None:
    (tmp_path / "seen" / "refuse").touch()
    with (
        pytest.raises(TerraformFailed, match=r"secret_key = .\*\*\*") as failed,
        session.initialised(),
    ):
        pass
    assert SECRET not in failed.value.message
    session.close()
