"""Folders that terraform runs in."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gromit.adapters.terraform.folder import RunFolder, new_run_folder, remove_stale_runs
from gromit.errors import ConfigError, Temporary
from tests.waiting import PATIENCE_S, wait_for


class Safe:
    """Stores states in the place of the bucket."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.kept: dict[str, bytes] = {}
        self.refuses = refuses

    def __call__(self, environment: str, state: bytes) -> str:
        if self.refuses:
            raise Temporary("the bucket is not there")
        self.kept[environment] = state
        return f"safe/{environment}"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    stack = tmp_path / "stack"
    (stack / "modules" / "part").mkdir(parents=True)
    (stack / "main.tf").write_text("# main")
    (stack / "README.md").write_text("for people")
    (stack / "modules" / "part" / "main.tf").write_text("# part")
    return stack


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def opened(work: Path, stack: Path, overlay: Path | None = None) -> RunFolder:
    return new_run_folder(work, stack, overlay, "# config")


def inputs(name: str) -> str:
    return json.dumps({"name": name})


def test_the_template_is_the_stack_with_the_overlay_over_it(
    work: Path, stack: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "endpoints_override.tf").write_text("# endpoints")
    (overlay / "notes.txt").write_text("not terraform's")
    run = opened(work, stack, overlay)
    files = {
        str(path.relative_to(run.template)) for path in run.template.rglob("*") if path.is_file()
    }
    assert files == {"main.tf", "modules/part/main.tf", "endpoints_override.tf"}
    assert run.cli_config.read_text() == "# config"
    run.close()


def test_an_overlay_that_is_not_there_is_a_wrong_setting(
    work: Path, stack: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"terraform\.overlay"):
        opened(work, stack, tmp_path / "none")
    assert not work.exists()


def test_each_environment_has_a_folder_of_its_own_for_a_while(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    with run.environment(inputs("one")) as one, run.environment(inputs("two")) as two:
        assert one.path != two.path
        assert json.loads((one.path / "terraform.tfvars.json").read_text()) == {"name": "one"}
        assert (two.path / "modules" / "part" / "main.tf").exists()
        assert one.path.stat().st_mode & 0o777 == 0o700
    assert not one.path.exists()
    run.close()
    assert list(work.iterdir()) == []


def test_an_unsaved_state_is_brought_to_safety(work: Path, stack: Path) -> None:
    run, safe = opened(work, stack), Safe()
    with run.environment(inputs("one")) as folder:
        assert folder.save_errored_state(safe) is None
        (folder.path / "errored.tfstate").write_bytes(b"state")
        assert folder.save_errored_state(safe) == "safe/one"
    assert safe.kept == {"one": b"state"}
    assert not folder.path.exists()
    run.close()


def test_an_unsaved_state_that_cannot_be_brought_to_safety_stays_and_is_tried_again(
    work: Path, stack: Path
) -> None:
    run = opened(work, stack)
    with run.environment(inputs("one")) as folder:
        unsaved = folder.path / "errored.tfstate"
        unsaved.write_bytes(b"state")
        assert folder.save_errored_state(Safe(refuses=True)) == str(unsaved)
    run.close()
    assert unsaved.read_bytes() == b"state"
    remove_stale_runs(work, Safe(refuses=True))
    assert unsaved.exists()
    safe = Safe()
    remove_stale_runs(work, safe)
    assert safe.kept == {"one": b"state"}
    assert list(work.iterdir()) == []


def test_a_run_in_use_is_not_swept(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    remove_stale_runs(work, Safe())
    assert run.template.exists()
    run.close()


def test_a_run_is_in_use_while_a_process_of_it_lives(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    argv = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(run.lock,)) as survivor:
        os.close(run.lock)  # as at the death of its worker
        remove_stale_runs(work, Safe())
        assert run.template.exists()
        survivor.kill()
    remove_stale_runs(work, Safe())
    assert list(work.iterdir()) == []


def test_what_a_killed_worker_left_is_swept(work: Path, stack: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from gromit.adapters.terraform.folder import new_run_folder\n"
        "run = new_run_folder(Path(sys.argv[1]), Path(sys.argv[2]), None, '')\n"
        'with run.environment(\'{"name": "one"}\') as folder:\n'
        "    (folder.path / 'new').write_text('state')\n"
        "    (folder.path / 'new').rename(folder.path / 'errored.tfstate')\n"
        "    sys.stdin.read()"
    )
    argv = [sys.executable, "-c", script, str(work), str(stack)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as worker:
        wait_for("an unsaved state", lambda: any(work.glob("run-*/env-*/errored.tfstate")))
        remove_stale_runs(work, Safe())
        assert any(work.glob("run-*"))
        worker.kill()
    safe = Safe()
    remove_stale_runs(work, safe)
    assert safe.kept == {"one": b"state"}
    assert list(work.iterdir()) == []


STRUCK = """
import os, signal, sys
from pathlib import Path
from gromit.adapters.terraform.folder import new_run_folder

def strike(event, arguments):
    if event == "open" and str(arguments[0]).endswith("/lock"):
        os.kill(os.getpid(), signal.Signals[sys.argv[3]])

sys.addaudithook(strike)
run = new_run_folder(Path(sys.argv[1]), Path(sys.argv[2]), None, "")
sys.exit(0 if run.template.exists() else 1)
"""
"""A worker that signals itself after it has created its folder and before it has locked it."""


def struck(work: Path, stack: Path, number: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", STRUCK, str(work), str(stack), number])


def test_what_a_worker_left_that_was_killed_before_it_had_locked_it_is_swept(
    work: Path, stack: Path
) -> None:
    with struck(work, stack, "SIGKILL") as worker:
        assert worker.wait(PATIENCE_S) == -signal.SIGKILL
    assert len(list(work.iterdir())) == 1
    remove_stale_runs(work, Safe())
    assert list(work.iterdir()) == []


def test_a_run_that_is_just_being_made_is_not_swept(work: Path, stack: Path) -> None:
    with struck(work, stack, "SIGSTOP") as worker, ThreadPoolExecutor(1) as pool:
        assert os.WIFSTOPPED(os.waitpid(worker.pid, os.WUNTRACED)[1])
        sweeping = pool.submit(remove_stale_runs, work, Safe())
        try:
            with suppress(TimeoutError):
                sweeping.result(0.5)  # enough time to remove it, if it does not wait
        finally:
            worker.send_signal(signal.SIGCONT)
        assert worker.wait(PATIENCE_S) == 0


def test_the_backends_settings_are_for_their_owner_alone_and_no_environment_has_a_copy(
    work: Path, stack: Path
) -> None:
    run = opened(work, stack)
    run.write_backend("secret_key = x")
    (file,) = run.path.glob("*.tfbackend")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("secret_key = x", 0o600)
    with run.environment(inputs("one")) as folder:
        assert not list(folder.path.rglob("*.tfbackend"))
    run.close()
    assert list(work.iterdir()) == []


def test_what_is_no_run_is_left_alone(work: Path) -> None:
    work.mkdir()
    (work / "run-notes").write_text("a person's")
    remove_stale_runs(work, Safe())
    assert (work / "run-notes").exists()


def test_a_work_folder_that_cannot_be_used_is_temporary(stack: Path, tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file")
    with pytest.raises(Temporary, match="cannot work in"):
        opened(tmp_path / "work", stack)


def test_a_work_folder_that_others_may_write_to_is_refused(work: Path, stack: Path) -> None:
    work.mkdir()
    work.chmod(0o777)
    with pytest.raises(ConfigError, match="other users can write"):
        opened(work, stack)
    assert list(work.iterdir()) == []


def test_a_run_that_cannot_be_filled_leaves_nothing(work: Path, tmp_path: Path) -> None:
    with pytest.raises(Temporary):
        opened(work, tmp_path / "no-stack")
    assert list(work.iterdir()) == []


def test_an_environment_that_cannot_be_filled_leaves_nothing(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    (run.template / "main.tf").unlink()
    (run.template / "main.tf").symlink_to("nowhere")
    with pytest.raises(Temporary), run.environment(inputs("one")):
        pass
    assert not any(run.path.glob("env-*"))
    run.close()


def test_the_disk_is_looked_at(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    assert run.free_bytes() == pytest.approx(
        os.statvfs(work).f_bavail * os.statvfs(work).f_frsize, rel=0.5
    )
    run.close()


def test_a_stack_of_which_a_file_is_gone_is_not_run_as_if_it_were_whole(
    work: Path, stack: Path
) -> None:
    run = opened(work, stack)
    (run.template / "modules" / "part" / "main.tf").unlink()
    with (
        pytest.raises(Temporary, match=r"modules/part/main\.tf of the stack is gone") as refused,
        run.environment("{}"),
    ):
        pass
    assert "terraform.work" in str(refused.value.hint)
    assert not list(run.path.glob("env-*"))
    run.close()


@pytest.mark.parametrize(
    "part", ["template/main.tf", "terraform.rc", "lock", "template/modules/part"]
)
def test_a_run_knows_whether_all_of_its_folder_is_there(work: Path, stack: Path, part: str) -> None:
    run = opened(work, stack)
    parts = run.parts()
    with run.environment("{}"):
        assert run.has(parts)
        assert run.parts() == parts, "the folders of environments come and go"
    found = run.path / part
    shutil.rmtree(found) if found.is_dir() else found.unlink()
    assert not run.has(parts)
    run.close()


def test_a_lock_that_is_not_the_one_taken_is_no_lock(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    parts = run.parts()
    (run.path / "lock").unlink()
    (run.path / "lock").touch()
    assert not run.has(parts)
    run.close()


def test_runs_that_are_named_are_not_swept_even_without_their_lock(work: Path, stack: Path) -> None:
    run = opened(work, stack)
    (run.path / "lock").unlink()
    remove_stale_runs(work, Safe(), {run.path})
    assert run.template.is_dir()
    remove_stale_runs(work, Safe())
    assert not run.path.exists()
    run.close()


AWS = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
PROGRAM = "registry.terraform.io/hashicorp/aws/{}/linux_amd64/terraform-provider-aws_v{}_x5"


def initialised(work: Path, stack: Path, versions: tuple[str, ...] = ("5.1.0",)) -> RunFolder:
    """Return a folder as `init` leaves it."""
    run = opened(work, stack)
    for version in versions:
        program = run.data / "providers" / PROGRAM.format(version, version)
        program.parent.mkdir(parents=True)
        program.touch()
    (run.data / "modules").mkdir(parents=True)
    modules = [{"Key": "", "Dir": "."}, {"Key": "part", "Dir": "modules/part"}]
    (run.data / "modules" / "modules.json").write_text(json.dumps({"Modules": modules}))
    return run


def test_a_provider_that_is_configured_once_can_serve_the_whole_run(
    work: Path, stack: Path
) -> None:
    (stack / "main.tf").write_text(AWS)
    (stack / "endpoints_override.tf").write_text(AWS)
    run = initialised(work, stack)
    assert run.provider() == run.data / "providers" / PROGRAM.format("5.1.0", "5.1.0")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.tf", 'provider "aws" {\n  alias = "elsewhere"\n}\n'),
        ("other.tf", '  provider\t"null" {}\n'),
        ("modules/part/main.tf", AWS),
        ("other.tofu", AWS),
        ("other.tf.json", "{}"),
        ("modules/part/other.tofu.json", "{}"),
        ("main.tf", "# no provider"),
    ],
)
def test_another_configuration_or_one_that_is_not_read_needs_a_provider_of_its_own(
    work: Path, stack: Path, name: str, text: str
) -> None:
    (stack / "main.tf").write_text(AWS)
    (stack / name).write_text(text)
    assert initialised(work, stack).provider() is None


def test_without_one_version_and_a_list_of_modules_terraform_starts_the_provider(
    work: Path, stack: Path
) -> None:
    (stack / "main.tf").write_text(AWS)
    assert opened(work, stack).provider() is None
    assert initialised(work, stack, ()).provider() is None
    assert initialised(work, stack, ("3.39.0", "5.1.0")).provider() is None
    run = initialised(work, stack)
    for broken in ("", "{}", '{"Modules": 1}', '{"Modules": [{"Dir": "gone"}]}'):
        (run.data / "modules" / "modules.json").write_text(broken)
        assert run.provider() is None, broken
