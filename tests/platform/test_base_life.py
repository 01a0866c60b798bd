"""`terraform/base` from the first apply to the last destroy, with each available provider."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from gromit.local.cloud.platform import EmulatedAccount, push_image
from tests.platform.emulator import REGION, Emulator, running_emulator
from tests.platform.inventory import everything
from tests.platform.pushing import VARIABLES, arn
from tests.platform.roots import Engine, Root, TerraformError

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]


_OTHERS = [pytest.param(name, marks=pytest.mark.long) for name in ("newer", "terraform", "tofu")]


@pytest.fixture(params=["embedded", *_OTHERS])
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def own_emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


def test_it_is_made_at_once_and_goes_away_wholly(
    engine: Engine, own_emulator: Emulator, tmp_path: Path
) -> None:
    before = everything(own_emulator)
    root = Root.copied("base", tmp_path, engine, own_emulator, VARIABLES)
    root.apply()
    assert root.plan().is_empty
    assert len(everything(own_emulator) - before) > 20
    assert own_emulator.client("iam").list_users()["Users"] == [], "no repository asked for a key"
    root.destroy()
    assert root.resources() == []
    assert everything(own_emulator) - before == {"aws_secretsmanager_secret gromit/ca-key"}, (
        "AWS keeps it for 30 days"
    )


def test_what_is_taken_out_of_the_state_stays_with_its_images(
    embedded: Engine, own_emulator: Emulator, tmp_path: Path
) -> None:
    """Follow the page on resources that are kept from being destroyed; no override is needed."""
    before, ecr = everything(own_emulator), own_emulator.client("ecr")
    root = Root.copied("base", tmp_path, embedded, own_emulator, VARIABLES)
    for path in tmp_path.rglob("destroyable_override.tf"):
        path.unlink()
    root.apply('-target=module.registry["tyk"]')
    push_image(
        EmulatedAccount(
            boto3.Session("emulated", "emulated", region_name=REGION), own_emulator.url
        ),
        "tyk",
        ["master"],
    )
    with pytest.raises(TerraformError, match="prevent_destroy"):
        root.destroy()
    root.run("state", "rm", 'module.registry["tyk"].aws_ecr_repository.this')
    root.destroy()
    assert root.resources() == []
    assert everything(own_emulator) - before == {f"aws_ecr_repository {arn('tyk')}"}
    assert [image["imageTag"] for image in ecr.list_images(repositoryName="tyk")["imageIds"]] == [
        "master"
    ]
