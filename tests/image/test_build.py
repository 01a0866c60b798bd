"""The wheel and source archive: complete, and they run in an empty environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from gromit.core.security.roles import Role
from tests.image.builder import Builder
from tests.image.dockerfile import ROOT, read
from tests.image.workflows import WORKFLOWS, load
from tests.web.serving import Certificates, emulated, serving

pytestmark = pytest.mark.xdist_group("wheel")

BIN = Path(sys.executable).parent
SOURCE = ROOT / "src"
_IMPORT_ALL = """
import importlib, json, pkgutil, sys, gromit
found = pkgutil.walk_packages(gromit.__path__, "gromit.")
names = [m.name for m in found if not m.name.startswith("gromit.local")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(json.dumps(sorted(names)))
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source archive, built as in a release."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands of an environment with only the pins of a server and the wheel."""
    folder = tmp_path_factory.mktemp("server")
    python = str(folder / "bin/python")
    for arguments in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        [
            "pip",
            "sync",
            "--quiet",
            "--python",
            python,
            "--require-hashes",
            str(ROOT / "requirements/run.txt"),
        ],
        [
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--no-deps",
            "--no-index",
            str(_wheel(dist)),
        ],
    ):
        done = subprocess.run(
            [BIN / "uv", *arguments], capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def _wheel(folder: Path) -> Path:
    (found,) = folder.glob("*.whl")
    return found


def _files(folder: Path) -> set[str]:
    """Return the files below a folder, without files that programs leave there."""
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {
        str(path)
        for path in found
        if not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }


def _run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_wheel_holds_the_package_and_all_its_data(dist: Path) -> None:
    with ZipFile(_wheel(dist)) as wheel:
        names = set(wheel.namelist())
    assert {name for name in names if ".dist-info/" not in name} == _files(SOURCE)
    assert {
        "gromit/stacks/devenv/versions.tf",
        "gromit/catalogue/tyk.yaml",
        "gromit/py.typed",
    } <= names
    assert any(re.fullmatch(r"gromit-[^/]+\.dist-info/licenses/LICENSE", name) for name in names)


def test_the_source_archive_holds_what_the_wheel_and_the_image_are_made_of_and_how_to_set_it_up(
    dist: Path,
) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {f"src/{name}" for name in _files(SOURCE)} <= names
    for folder in ("docs", "image", "requirements", "terraform"):
        assert {f"{folder}/{name}" for name in _files(ROOT / folder)} <= names
    assert {
        "Dockerfile",
        ".dockerignore",
        "compose.yaml",
        "pyproject.toml",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
    } <= names
    assert not [name for name in names if name.startswith((".git/", ".venv", "tests/"))]


def test_the_wheel_of_the_source_archive_is_the_same(dist: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    made = tmp_path / "made"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)]
    subprocess.run(command, cwd=unpacked, capture_output=True, check=True, timeout=100)
    assert _wheel(made).read_bytes() == _wheel(dist).read_bytes()


def test_a_server_needs_nothing_of_the_extras(server: Path) -> None:
    done = _run(server / "python", "-I", "-c", _IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert {"gromit.cli.serve", "gromit.adapters.terraform.runner", "gromit.web.api.app"} <= set(
        json.loads(done.stdout)
    )


@pytest.mark.parametrize("command", ["serve", "sow"])
def test_a_server_has_its_commands(server: Path, command: str) -> None:
    done = _run(server / "gromit", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: gromit {command}" in done.stdout


def test_a_developer_has_the_commands_for_environments_without_anything_else(
    server: Path, tmp_path: Path
) -> None:
    with emulated() as emulator, serving(emulator, Certificates(tmp_path)) as serve:
        serve.build("tyk", "app-test", "sha-1")
        own = serve.certificates.of(Role.VIEWER)
        variables = {
            "HOME": str(tmp_path),
            "GROMIT_SERVE_URL": serve.url,
            "GROMIT_CA": serve.certificates.ca,
            "GROMIT_CLIENT_CERT": own.cert,
            "GROMIT_CLIENT_KEY": own.key,
        }
        done = _run(server / "gromit", "env", "list", "-o", "json", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert [found["name"] for found in json.loads(done.stdout)] == ["app-test"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_developer_has_completion(server: Path, shell: str) -> None:
    assert "_GROMIT_COMPLETE" in _run(server / "gromit", "completion", shell).stdout


def test_a_server_has_the_catalogue_and_its_templates(server: Path) -> None:
    done = _run(server / "gromit", "catalogue", "check")
    assert done.returncode == 0, done.stderr


def test_a_server_says_what_the_local_cloud_would_need(server: Path) -> None:
    done = _run(server / "gromit", "local", "status")
    assert done.returncode == 2
    assert "pip install 'gromit[local]'" in done.stderr


@pytest.mark.long  # GROMIT_TEST_PYTHON can name a Python of the image's version
def test_the_stages_of_the_image_build_as_they_are_written(tmp_path: Path) -> None:
    builder = Builder(read(), tmp_path, python=os.environ.get("GROMIT_TEST_PYTHON", sys.executable))
    gromit = builder.build("server-packages") / "opt/gromit/bin/gromit"
    assert re.fullmatch(r"gromit, version \S+\n", _run(gromit, "--version").stdout)
    assert _run(gromit, "serve", "--help").returncode == 0
    local = builder.build("local-packages") / "opt/gromit/bin/gromit"
    assert "there is no local cloud" in _run(local, "local", "status").stdout
    assert builder.skipped == []


@pytest.mark.long
def test_the_steps_of_the_release_run_as_they_are_written(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "venv", str(tmp_path / "python")], check=True, timeout=100
    )
    version = _run(sys.executable, "-m", "hatchling", "version").stdout
    environ = {
        "PATH": f"{tmp_path / 'python/bin'}:/usr/bin:/bin",
        "GITHUB_REF_NAME": f"v{version.strip()}",
    }
    changelog = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version.strip()]
    subprocess.run(changelog, cwd=tree, capture_output=True, check=True, timeout=100)
    for step in load(WORKFLOWS / "release.yml")["jobs"]["build"]["steps"]:
        if "run" in step:
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", step["run"]],
                cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, step["run"] + done.stdout + done.stderr
    assert (tree / "notes" / "notes.md").read_text().startswith(f"## {version.strip()} (")
    made = {path.suffix: path for path in (tree / "dist").iterdir()}
    assert set(made) == {".whl", ".gz", ".json"}
    _assert_complete(json.loads(made[".json"].read_text()))


def _assert_complete(bill: dict[str, object]) -> None:
    """Check that a bill of materials names each pin with a hash, and gromit as their user."""
    pinned = set(
        re.findall(
            r"^([a-z0-9-]+)(?:\[.+?\])?==(\S+)",
            (ROOT / "requirements/run.txt").read_text(),
            re.MULTILINE,
        )
    )
    components = bill["components"]
    assert isinstance(components, list)
    assert {(each["name"], each["version"]) for each in components} == pinned
    assert all(each["externalReferences"][0]["hashes"] for each in components)
    assert bill["metadata"]["component"]["name"] == "gromit"  # type: ignore[index]
