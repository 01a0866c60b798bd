"""Baking terraform and its provider into the image, with correct and wrong archives."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

import bake
from gromit.adapters.terraform.provider_mirror import ProviderBundle, find_bundle
from tests.image.builder import Builder
from tests.image.dockerfile import read

VERSION = "9.8.7"
OUR_BASE = Path(sys.executable).parent
"""Commands of the base image; the stage needs only a Python."""
PROGRAM = f"terraform-provider-aws_v{VERSION}_x5"
PLACE = f"registry.terraform.io/hashicorp/aws/{VERSION}/linux_amd64"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served over HTTP, and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield folder, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _archive(path: Path, **files: str) -> str:
    """Make a zip; return its hash as in a publisher's list of checksums."""
    with ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return "zh:" + hashlib.sha256(path.read_bytes()).hexdigest()


def _provider(path: Path) -> str:
    return _archive(path, **{PROGRAM: "a provider", "LICENSE.txt": "its licence"})


def test_the_stage_of_the_dockerfile_makes_what_the_settings_expect(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = site
    script = "#!/bin/sh\necho Terraform v1.11.4\n"
    arguments = {
        "TERRAFORM_URL": f"{url}/terraform.zip",
        "TERRAFORM_HASH": _archive(
            folder / "terraform.zip", terraform=script, **{"LICENSE.txt": "a licence"}
        ),
        "PROVIDER_VERSION": VERSION,
        "PROVIDER_URL": f"{url}/provider.zip",
        "PROVIDER_HASH": _provider(folder / "provider.zip"),
    }
    made = (
        Builder(read(), tmp_path / "built", arguments, base=OUR_BASE).build("terraform")
        / "opt/terraform"
    )
    said = subprocess.run(
        [made / "bin/terraform", "version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "Terraform v1.11.4\n"
    assert (made / "bin/terraform.LICENSE.txt").read_text() == "a licence"
    assert os.access(made / "mirror" / PLACE / PROGRAM, os.X_OK)
    assert {path.name for path in (made / "mirror" / PLACE).iterdir()} == {PROGRAM, "LICENSE.txt"}


@pytest.mark.parametrize("argument", ["TERRAFORM_HASH", "PROVIDER_HASH"])
def test_the_build_fails_with_another_archive(
    site: tuple[Path, str], tmp_path: Path, argument: str
) -> None:
    folder, url = site
    arguments = {
        "TERRAFORM_URL": f"{url}/terraform.zip",
        "TERRAFORM_HASH": _archive(folder / "terraform.zip", terraform="a program"),
        "PROVIDER_VERSION": VERSION,
        "PROVIDER_URL": f"{url}/provider.zip",
        "PROVIDER_HASH": _provider(folder / "provider.zip"),
        argument: "zh:" + "0" * 64,
    }
    with pytest.raises(AssertionError, match=f"has the hash zh:[0-9a-f]+, not zh:{'0' * 64}"):
        Builder(read(), tmp_path / "built", arguments, base=OUR_BASE).build("terraform")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("zh:" + "0" * 64, "has the hash zh:"),
        ("h1:" + "A" * 43 + "=", "has the hash h1:"),
        ("0" * 64, "no hash of terraform's"),
        ("sha256:" + "0" * 64, "no hash of terraform's"),
    ],
)
def test_a_wrong_hash_leaves_nothing_behind(
    site: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wanted: str,
    reason: str,
) -> None:
    folder, url = site
    _provider(folder / "a.zip")
    to = tmp_path / "mirror"
    assert (
        bake.main(["provider", f"{url}/a.zip", wanted, "--version", VERSION, "--to", str(to)]) == 1
    )
    assert reason in capsys.readouterr().err
    assert not to.exists()


def test_the_hash_may_be_that_of_a_lock_file(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    _provider(folder / "a.zip")
    digests = [
        (PROGRAM, hashlib.sha256(b"a provider").hexdigest()),
        ("LICENSE.txt", hashlib.sha256(b"its licence").hexdigest()),
    ]
    wanted = bake.content_hash(digests)
    assert (
        bake.main(
            [
                "provider",
                f"{url}/a.zip",
                wanted,
                "--version",
                VERSION,
                "--to",
                str(tmp_path / "mirror"),
            ]
        )
        == 0
    )
    assert (tmp_path / "mirror" / PLACE / PROGRAM).read_text() == "a provider"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../etc/passwd", "has no folders"),
        ("terraform-provider-aws_v9.8.70_x5", "there is no terraform-provider-aws_v9.8.7"),
        ("terraform-provider-google_v9.8.7_x5", "there is no terraform-provider-aws_v9.8.7"),
    ],
)
def test_an_archive_of_something_else_is_refused(
    site: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    reason: str,
) -> None:
    folder, url = site
    wanted = _archive(folder / "a.zip", **{name: "something"})
    assert (
        bake.main(
            [
                "provider",
                f"{url}/a.zip",
                wanted,
                "--version",
                VERSION,
                "--to",
                str(tmp_path / "mirror"),
            ]
        )
        == 1
    )
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "mirror").exists()


def test_a_program_that_is_not_in_the_archive_is_said(
    site: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = site
    wanted = _archive(folder / "a.zip", tofu="a program")
    assert (
        bake.main(
            [
                "program",
                f"{url}/a.zip",
                wanted,
                "--name",
                "terraform",
                "--to",
                str(tmp_path / "bin"),
            ]
        )
        == 1
    )
    assert "there is no terraform in the archive, only tofu" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["none.zip", "page.html"])
def test_what_is_not_there_or_is_no_archive_fails_with_a_reason(
    site: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    folder, url = site
    (folder / "page.html").write_text("sorry")
    wanted = "zh:" + hashlib.sha256(b"sorry").hexdigest()
    assert (
        bake.main(
            [
                "program",
                f"{url}/{path}",
                wanted,
                "--name",
                "terraform",
                "--to",
                str(tmp_path / "bin"),
            ]
        )
        == 1
    )
    assert capsys.readouterr().err.startswith("bake: ")


@pytest.fixture
def bundle() -> ProviderBundle:
    found = find_bundle()
    if found is None:
        pytest.skip("the embedded provider is not installed, or not made for this machine")
    return found


@pytest.mark.long
@pytest.mark.terraform
def test_the_packaged_stack_is_valid_with_what_was_baked(
    bundle: ProviderBundle, tmp_path: Path
) -> None:
    bake.verify(bundle.archive, f"zh:{bundle.sha256}")
    bake.bake_provider(bundle.archive, "3.39.0", tmp_path / "mirror")
    environ = {
        "GROMIT_TERRAFORM_MIRROR": str(tmp_path / "mirror"),
        "GROMIT_TERRAFORM_COMMAND": "embedded",
    }
    assert "Success! The configuration is valid." in _checked(environ).stdout
    missing = _checked({**environ, "GROMIT_TERRAFORM_MIRROR": str(tmp_path / "none")})
    assert missing.returncode == 1
    assert "could not retrieve the list of available versions" in missing.stderr.lower()


@pytest.mark.long
def test_the_hash_of_the_provider_is_that_of_the_one_which_the_tests_apply_with(
    tmp_path: Path,
) -> None:
    given = dict(each.text.split("=", 1) for each in read().stages["terraform"].all("ARG"))
    mirror = os.environ.get("GROMIT_TEST_MIRROR")
    folder = Path(
        mirror or "none",
        "registry.terraform.io/hashicorp/aws",
        given["PROVIDER_VERSION"],
        "linux_amd64",
    )
    if not folder.is_dir():
        pytest.skip("GROMIT_TEST_MIRROR does not name a folder with this version of the provider")
    with ZipFile(tmp_path / "provider.zip", "w", ZIP_STORED) as made:
        for file in folder.iterdir():
            made.write(file, file.name)
    bake.verify(tmp_path / "provider.zip", given["PROVIDER_HASH"])


def _checked(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the image's own check."""
    script = Path(bake.__file__).with_name("self_check.py")
    command = [sys.executable, str(script)]
    path = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, env=path | environ, capture_output=True, text=True, check=False, timeout=100
    )
