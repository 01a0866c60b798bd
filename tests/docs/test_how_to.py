"""The how-tos, followed in one local cloud: every command runs and prints what the page shows."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs import aws_cli
from tests.docs.cloud import GROMIT, ended, variables
from tests.docs.markdown import DOCS, ROOT
from tests.docs.shell import shell

_OWN_TESTS = {
    "install-on-aws.md",
    "restore-the-table.md",
    "run-a-program-in-a-container.md",
    "run-real-programs.md",
}
PAGES = sorted(page for page in (DOCS / "how-to").glob("*.md") if page.name not in _OWN_TESTS)
"""Pages for an existing cloud; those that create one have tests of their own."""

_APP_TEST = """
gromit env get app-test >/dev/null 2>&1 ||
  gromit local push tyk app-test --sha 1a2b3c --dir "$CLOUD"
gromit env wait app-test --timeout 3m
"""
_LOCK = """
python - <<'END'
import boto3, json
bucket, key = "terraform-state-dev", "env:/locked-test/devenv"
lock = {"ID": "6b8f5a52-3c1d-4f7e-9a20-1d2c3b4a5e6f", "Operation": "OperationTypeApply", "Info": "",
        "Who": "alice@laptop", "Version": "1.11.4", "Created": "2026-11-23T09:12:44Z",
        "Path": f"{bucket}/{key}"}
boto3.client("s3").put_object(Bucket=bucket, Key=f"{key}.tflock", Body=json.dumps(lock))
END
gromit local push tyk locked-test --sha 3c4d5e --dir "$CLOUD"
"""
_FOREIGN_STATE = """
gromit local push tyk restored-test --sha 4d5e6f --dir "$CLOUD"
gromit env wait restored-test --timeout 3m
python - <<'END'
import boto3
s3, bucket, key = boto3.client("s3"), "terraform-state-dev", "env:/restored-test/devenv"
s3.download_file(bucket, key, "own.tfstate")
s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/env:/app-test/devenv")
END
gromit local push tyk restored-test --sha 5e6f70 --dir "$CLOUD"
"""
_DELETED_STATE = """
gromit local push tyk deleted-test --sha 6f7081 --dir "$CLOUD"
gromit env wait deleted-test --timeout 3m
python - <<'END'
import boto3
boto3.client("s3").delete_object(Bucket="terraform-state-dev", Key="env:/deleted-test/devenv")
END
"""
_LEFT_OVER = """
gromit local push tyk left-test --sha 708192 --dir "$CLOUD"
gromit env wait left-test --timeout 3m
python - <<'END'
import boto3
boto3.client("dynamodb").delete_item(
    TableName="DeveloperEnvironments", Key={"name": {"S": "left-test"}}
)
s3, bucket = boto3.client("s3"), "terraform-state-dev"
state = s3.get_object(Bucket=bucket, Key="env:/left-test/devenv")["Body"].read().decode()
orphan = state.replace("left-test", "orphan-test")
s3.put_object(Bucket=bucket, Key="env:/orphan-test/devenv", Body=orphan.encode())
END
"""
_AUDITED = """
gromit local push tyk audited-test --sha 819203 --dir "$CLOUD"
gromit env protect audited-test
gromit env unprotect audited-test
gromit env delete audited-test
"""
_TWO_BUILDS = """
gromit local push tyk undo-test --sha 1a2b3c --dir "$CLOUD"
gromit env wait undo-test --timeout 3m
gromit local push tyk undo-test --sha 2b3c4d --dir "$CLOUD"
gromit env wait undo-test --timeout 3m
"""
_FLAT_ROW = """
python - <<'END'
import boto3
row = {"name": "old-test", "state": "processed", "tyk": "1a2b3c", "tyk-analytics": "master"}
item = {key: {"S": value} for key, value in row.items()}
boto3.client("dynamodb").put_item(TableName="DeveloperEnvironments", Item=item)
END
"""

_IN_FOLDER = 'mkdir .gromit && ln -s "$CLOUD" .gromit/local'
_TREE = f'cd "{ROOT}"'

BEFORE: Mapping[str, str] = {
    "build-the-image.md": _TREE,
    "clean-up.md": _LEFT_OVER,
    "first-ten-minutes.md": _APP_TEST,
    "let-people-log-in.md": _APP_TEST + _IN_FOLDER,
    "limit-lifetimes.md": _APP_TEST,
    "operate.md": _APP_TEST,
    "scale.md": _APP_TEST,
    "search-the-audit.md": _AUDITED,
    "two-hundred-developers.md": _APP_TEST,
    "migrate-from-gromit-v1.md": _FLAT_ROW,
    "monitor-with-prometheus.md": _APP_TEST + _IN_FOLDER,
    "protect-and-redeploy.md": _APP_TEST,
    "recover-a-locked-environment.md": _LOCK,
    "the-page.md": _APP_TEST,
    "rehearse-failures.md": _IN_FOLDER,
    "release.md": _TREE,
    "report-builds-from-ci.md": _APP_TEST
    + 'gromit local push tyk ci-test --sha 2b3c4d --no-report --dir "$CLOUD"',
    "restore-a-state.md": _APP_TEST + _FOREIGN_STATE + _DELETED_STATE,
    "run-terraform-by-hand.md": _APP_TEST,
    "try-on-a-real-account.md": _APP_TEST,
    "select-from-json.md": _APP_TEST,
    "tyk-secrets-and-licence.md": _APP_TEST,
    "undo-a-build.md": _TWO_BUILDS,
}
"""Preparation of a page. Each has its own build, because a tag that is pushed again is a change."""

NEEDS: Mapping[str, str] = {"select-from-json.md": "jq"}
"""Program that a page needs beyond gromit and the tools of every Linux."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.cloud,
    pytest.mark.terraform,
    pytest.mark.xdist_group("docs"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a local cloud, and yield its folder."""
    folder = tmp_path_factory.mktemp("cloud")
    up = [*GROMIT, "local", "up", "--detach", "--login", "--dir", str(folder)]
    with ended(folder):
        environ = {**variables(), "GROMIT_SOW_RETRY": "10m"}  # a failure remains while a page runs
        done = subprocess.run(
            up, env=environ, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr
        yield folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_works_as_it_is_written(page: Path, cloud: Path, tmp_path: Path) -> None:
    if shutil.which(program := NEEDS.get(page.name, "bash")) is None:
        pytest.skip(f"there is no {program} on the PATH")
    environ = {
        **variables(),
        "CLOUD": str(cloud),
        "TOOLS": str(Path(GROMIT[0]).parent),
        "CHECKOUT": str(ROOT),
    }
    aws_cli.install(tmp_path / "tools", sys.executable, ROOT)
    with shell(tmp_path, tmp_path / "printed", environ) as bash:
        setup = 'export PATH="$PWD/tools:$TOOLS:$PATH"\neval "$(gromit local env --dir "$CLOUD")"\n'
        code, printed = bash.run(setup + BEFORE.get(page.name, ""))
        assert code == 0, printed
        bash.follow(page)


def test_every_preparation_belongs_to_a_page() -> None:
    assert set(BEFORE) <= {page.name for page in PAGES}
