"""Applies, failures and clean-up, with a real terraform on a stack without a provider."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.session import SessionDeps
from gromit.core.stack.terraform import Backend
from gromit.errors import BackendError, ConfigError, Temporary, TerraformFailed
from gromit.log import mask
from tests.contracts.terraform.cloud import REGION
from tests.contracts.terraform.worlds import BARE, World, bare, component, managed
from tests.terraforms import unpacked_provider
from tests.waiting import wait_for

pytestmark = pytest.mark.terraform


def test_people_see_what_is_done_while_it_is_done(world: World) -> None:
    lines: list[str] = []
    with world.runner(BARE) as runner, capture_logs() as logs:
        runner.apply(bare("seen"), world.lock("seen"), lines.append)
        described = runner.describe()
    assert lines[0] == "2 to create, 0 to change, 0 to destroy"
    assert lines[1].startswith("terraform_data.first: created (")
    assert lines[-1].endswith("[2/2]")
    (ended,) = [entry for entry in logs if entry["event"] == "terraform.ended"]
    assert ended["env"] == "seen"
    assert described.startswith(f"{ended['program']}, with ")
    assert re.match(r"(terraform|opentofu) 1\.\d+\.\d+$", ended["program"])


def test_what_a_person_has_set_for_terraform_changes_nothing(world: World) -> None:
    """The world's environment has `TF_CLI_ARGS_apply`, `TF_DATA_DIR` and `TF_VAR_name`."""
    assert {"TF_CLI_ARGS_apply", "TF_DATA_DIR", "TF_VAR_name"} <= world.cloud.environ.keys()
    with world.runner(BARE) as runner:
        runner.apply(bare("named"), world.lock("named"), lambda _line: None)
    inputs = [
        r["instances"][0]["attributes"]["input"]["value"]
        for r in world.state("named")["resources"]
        if r["name"] == "first"
    ]
    assert inputs == ["named"]


def test_many_environments_at_once_keep_to_themselves(world: World) -> None:
    names = [f"many-{n}" for n in range(8)]
    with world.runner(BARE) as runner, ThreadPoolExecutor(8) as pool:
        outputs = list(
            pool.map(lambda n: runner.apply(bare(n, n), world.lock(n), lambda _line: None), names)
        )
        assert [list(output.task_definitions) for output in outputs] == [[name] for name in names]
        runs = list((world.folder / "work").iterdir())
        assert len(runs) == 1, "one folder, and so one init, for all"
    assert list((world.folder / "work").iterdir()) == []
    assert len({world.state(name)["lineage"] for name in names}) == 8


@pytest.mark.parametrize(
    "part", [".", "template", "template/main.tf", "data", "data/terraform.tfstate"]
)
def test_what_is_gone_from_the_folder_of_a_watch_is_prepared_again(world: World, part: str) -> None:
    """A cleaner of old temporary files does that."""
    name = f"again-{sum(part.encode())}"
    lock = world.lock(name)
    with world.runner(BARE) as runner:
        runner.apply(bare(name), lock, lambda _line: None)
        (before,) = (world.folder / "work").iterdir()
        remove(before / part)
        assert list(
            runner.apply(bare(name, "quick", "more"), lock, lambda _line: None).task_definitions
        ) == ["more", "quick"]
        (after,) = (world.folder / "work").iterdir()
        assert after != before
        runner.apply(bare(name), lock, lambda _line: None)
        assert [after] == list((world.folder / "work").iterdir()), "once is enough"
    assert list((world.folder / "work").iterdir()) == []


def test_an_environment_that_runs_keeps_its_folder_while_another_one_is_prepared(
    world: World,
) -> None:
    first, second, work = world.lock("under-way"), world.lock("follows"), world.folder / "work"
    folders = list[Path]()

    def take_apart(line: str) -> None:
        if not line.startswith("terraform_data.first"):
            return
        (own,) = work.glob("run-*")
        for part in ("template", "data", "lock"):
            remove(own / part)
        assert runner.apply(bare("follows"), second, lambda _line: None).task_definitions
        folders.extend([own, *(folder for folder in work.iterdir() if folder != own)])
        assert [folder.name for folder in own.glob("env-*")], "terraform is in it"

    with world.runner(BARE) as runner:
        assert list(
            runner.apply(bare("under-way", "quick"), first, take_apart).task_definitions
        ) == ["quick"]
        assert len(folders) == 2
        assert list(work.iterdir()) == [folders[1]], "the last one to run in it has removed it"
        runner.apply(bare("follows", "quick", "more"), second, lambda _line: None)
        assert list(work.iterdir()) == [folders[1]]
    assert list(work.iterdir()) == []


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_a_failure_is_reported_with_its_address_and_without_secrets(world: World) -> None:
    lines: list[str] = []
    with world.runner(BARE) as runner, pytest.raises(TerraformFailed) as failed:
        runner.apply(bare("failing", "bad"), world.lock("failing"), lines.append)
    assert failed.value.message.startswith(
        "terraform apply of failing: local-exec provisioner error"
    )
    assert 'terraform_data.component["bad"]' in failed.value.message
    assert "AKIAABCDEFGHIJKLMNOP" not in failed.value.message + "".join(lines)
    assert managed(world.state("failing")) == [
        "terraform_data.component",
        "terraform_data.first",
    ], "a partly made one is known"


def test_the_secrets_that_terraform_is_given_are_never_shown(world: World) -> None:
    lines: list[str] = []
    with world.runner(BARE) as runner, pytest.raises(TerraformFailed) as failed:
        runner.apply(bare("leaking", "leak"), world.lock("leaking"), lines.append)
    assert "***" in failed.value.message
    assert world.cloud.environ["AWS_SECRET_ACCESS_KEY"] not in failed.value.message + "".join(lines)


def test_a_stack_that_gives_no_task_definitions_is_not_taken_for_applied(
    world: World, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    text = (
        (BARE / "main.tf")
        .read_text()
        .replace('output "task_definitions"', 'output "something_else"')
    )
    (other / "main.tf").write_text(text)
    with (
        world.runner(other) as runner,
        pytest.raises(BackendError, match="returned no task definitions"),
    ):
        runner.apply(bare("silent"), world.lock("silent"), lambda _line: None)


def test_a_bucket_that_does_not_exist_is_reported_each_time(world: World) -> None:
    backend = Backend(bucket="not-there", region=REGION, extra=("use_path_style=true",))
    with world.runner(BARE, backend=backend) as runner:
        for _ in range(2):
            with pytest.raises(TerraformFailed, match=r"terraform init: .*bucket.*does not exist"):
                runner.apply(bare("lost"), world.lock(f"lost-{_}"), lambda _line: None)


def test_nothing_starts_without_free_space_on_the_disk(world: World) -> None:
    with (
        world.runner(BARE, min_free_bytes=1 << 60) as runner,
        pytest.raises(Temporary, match="MiB are free"),
    ):
        runner.apply(bare("cramped"), world.lock("cramped"), lambda _line: None)
    assert world.bucket().head("cramped") is None


def test_destroy_empties_the_state_so_that_it_may_be_deleted(world: World) -> None:
    lock = world.lock("passing")
    with world.runner(BARE) as runner:
        runner.apply(bare("passing"), lock, lambda _line: None)
        lines: list[str] = []
        runner.destroy(bare("passing"), lock, lines.append)
    head = world.bucket().head("passing")
    assert head is not None
    assert head.resources == 0
    assert lines[0] == "0 to create, 0 to change, 2 to destroy"
    world.bucket().delete("passing")
    assert world.bucket().head("passing") is None


def test_a_state_that_cannot_be_saved_is_kept(world: World) -> None:
    """The bucket disappears during the apply; the unsaved state is stored and named."""
    bucket, kept = "goes-away", dict[str, bytes]()
    world.cloud.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    def rescue(environment: str, state: bytes) -> str:
        kept[environment] = state
        return "a safe place"

    def bucket_is_removed() -> bool:
        for found in world.cloud.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            world.cloud.s3.delete_object(Bucket=bucket, Key=found["Key"])
        try:
            world.cloud.s3.delete_bucket(Bucket=bucket)
        except ClientError:  # terraform has just written its state again
            return False
        return True

    removed = world.folder / "removed"

    def remove_the_bucket(line: str) -> None:
        if line.startswith("terraform_data.first"):
            wait_for("the bucket to be gone", bucket_is_removed)
            removed.touch()

    setup = world.setup(
        BARE, backend=Backend(bucket=bucket, region=REGION, extra=("use_path_style=true",))
    )
    outside = SessionDeps(environ=world.cloud.environ, mask=mask, save_errored_state=rescue)
    until_removed = replace(bare("unsaved"), components={"late": component(image=str(removed))})
    with (
        Terraform(setup, outside) as runner,
        pytest.raises(TerraformFailed, match="could not be saved and is in a safe place"),
    ):
        runner.apply(until_removed, world.lock("unsaved"), remove_the_bucket)
    assert managed(json.loads(kept["unsaved"])) == [
        "terraform_data.component",
        "terraform_data.first",
    ]
    assert list((world.folder / "work").iterdir()) == []


def test_a_terraform_of_the_path_that_is_too_old_is_passed_over(
    world: World, tmp_path: Path
) -> None:
    old = tmp_path / "bin" / "terraform"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho Terraform v1.5.7\n")
    old.chmod(0o755)
    environ = {**world.cloud.environ, "PATH": f"{old.parent}:{world.cloud.environ['PATH']}"}
    with world.runner(BARE, environ=environ, command="auto") as runner:
        assert runner.apply(
            bare("passed-over"), world.lock("passed-over"), lambda _line: None
        ).task_definitions
    with (
        world.runner(BARE, environ=environ, command="terraform") as runner,
        pytest.raises(ConfigError, match="too old"),
    ):
        runner.run_for_person(bare("passed-over"), ["version"])
    assert list((world.folder / "work").iterdir()) == []


def test_the_embedded_provider_is_found_without_a_setting(world: World) -> None:
    mirror = unpacked_provider()  # in the same cache
    with world.runner(BARE, mirror=None) as runner:
        runner.apply(bare("unset"), world.lock("unset"), lambda _line: None)
        (config,) = (world.folder / "work").glob("run-*/terraform.rc")
        assert str(mirror) in config.read_text()


def test_a_person_can_run_anything_on_an_environment(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    lock = world.lock("shown")
    with world.runner(BARE) as runner:
        runner.apply(bare("shown"), lock, lambda _line: None)
        world.bucket().unlock(lock)
        assert runner.run_for_person(bare("shown"), ["state", "list"]) == 0
        assert "terraform_data.first" in capfd.readouterr().out
        assert (
            runner.run_for_person(
                bare("shown", "quick", "more"), ["plan", "-detailed-exitcode", "-no-color"]
            )
            == 2
        )
        assert "1 to add, 0 to change, 0 to destroy" in capfd.readouterr().out
        assert runner.run_for_person(bare("shown"), ["nonsense"]) == 1
