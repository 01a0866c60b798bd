"""The page about restoring the table, followed to the letter: emulated AWS, real Terraform.

The root has the files of `terraform/infra` that make the table. The rest of infra only passes the
table's name on to the parts, which `tests/platform` shows. Here the local cloud starts again with
that name after an apply, as ECS starts a changed task.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs import aws_cli
from tests.docs.cloud import GROMIT, ended, variables
from tests.docs.markdown import DOCS, ROOT
from tests.docs.shell import Shell, shell
from tests.platform.roots import Engine, copied, write_overrides
from tests.terraforms import unpacked_provider

PAGE = DOCS / "how-to" / "restore-the-table.md"
KEPT = {"table.tf", "versions.tf", "providers.tf", "prod.tfvars"}
REST = """
locals {
  tags = { managed = "gromit" }
}

output "table_name" {
  value = aws_dynamodb_table.environments.name
}
"""
TERRAFORM = """#!/bin/sh
set -e
root() { PYTHONPATH="$CHECKOUT" "$PYTHON" -m tests.docs.root_cli "$@"; }
root "$@"
[ "$2" != apply ] || {
  GROMIT_TABLENAME="$(root "$1" output -raw table_name)"
  export GROMIT_TABLENAME
  gromit local down --dir "$CLOUD"
  gromit local up --detach --dir "$CLOUD"
} >"$CLOUD/ecs.log" 2>&1
"""
STORY = """
export PATH="$TOOLS:$PATH"
GROMIT_REPOS=tyk gromit local up --detach --dir "$CLOUD"
eval "$(gromit local env --dir "$CLOUD")"
for name in kept-test gone-test; do
  gromit local push tyk "$name" --sha 1a2b3c --dir "$CLOUD"
done
for name in kept-test gone-test; do gromit env wait "$name" --timeout 3m; done
MOMENT="$(python -c 'import datetime; print(datetime.datetime.now(datetime.UTC).isoformat())')"
gromit env delete gone-test
gromit local push tyk new-test --sha 1a2b3c --dir "$CLOUD"
until gromit env get gone-test | grep -q '^phase *gone'; do sleep 1; done
gromit env wait new-test --timeout 3m
cd "$CLOUD/checkout"
"""
WRONG = """
python - <<'END'
import boto3
table = boto3.resource("dynamodb").Table("DeveloperEnvironments")
for row in table.scan()["Items"]:
    table.put_item(Item={"name": row["name"], "want": "nonsense"})
END
"""
IMPORT = """
terraform -chdir=terraform/infra init
terraform -chdir=terraform/infra import -var-file=prod.tfvars \\
  aws_dynamodb_table.environments DeveloperEnvironments
"""


@contextmanager
def followed(folder: Path) -> Iterator[Shell]:
    """Start a shell with the programs of an operator, whose local cloud stops after the block."""
    tools, cloud = folder / "tools", folder / "cloud"
    aws_cli.install(tools, sys.executable, ROOT)
    for name, text in {
        "terraform": TERRAFORM,
        "gromit": f'#!/bin/sh\nexec {" ".join(GROMIT)} "$@"\n',
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environ = {
        **variables(),
        "CLOUD": str(cloud),
        "TOOLS": str(tools),
        "PYTHON": sys.executable,
        "CHECKOUT": str(ROOT),
        "GOGC": "off",
    }
    with ended(cloud), shell(folder, folder / "printed", environ) as bash:
        yield bash


def checkout(folder: Path, engine: Engine) -> None:
    """Create a checkout whose root `infra` has only the table."""
    root = copied(folder) / "infra"
    write_overrides(root, engine, "${ADDRESS}")
    for file in root.iterdir():
        is_kept = file.name in KEPT or file.name.startswith("variables")
        if file.is_file() and not is_kept and not file.name.endswith("_override.tf"):
            file.unlink()
    (root / "rest.tf").write_text(REST)
    (root / "destroyable_override.tf").unlink()


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
@pytest.mark.xdist_group("docs")  # one local cloud at a time
@pytest.mark.timeout(1500)
def test_the_table_is_restored_as_the_page_says(tmp_path: Path) -> None:
    engine = Engine(unpacked_provider())
    with followed(tmp_path) as bash:
        (tmp_path / "cloud").mkdir()
        checkout(tmp_path / "cloud" / "checkout", engine)
        code, printed = bash.run(STORY)
        assert code == 0, printed
        point_to_the_emulator(bash, tmp_path / "cloud" / "checkout" / "terraform" / "infra")
        code, printed = bash.run(IMPORT + WRONG)
        assert code == 0, printed
        bash.follow(PAGE)
        _, printed = bash.run("gromit env list -o json")
        assert {e["name"]: e["phase"] for e in json.loads(printed)} == {
            "kept-test": "ready",
            "new-test": "ready",
        }


def point_to_the_emulator(bash: Shell, root: Path) -> None:
    """Fill in the emulator's address, which is known once the cloud is up."""
    _, address = bash.run('printf %s "$AWS_ENDPOINT_URL"')
    file = root / "endpoints_override.tf"
    file.write_text(file.read_text().replace("${ADDRESS}", address))
