"""The life of `terraform/base` and `terraform/infra`, with each available provider.

They are applied, get a new machine image, and are destroyed with nothing left.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform import infra
from tests.platform.emulator import ACCOUNT, REGION, Emulator, running_emulator
from tests.platform.inventory import LISTINGS, everything, kinds
from tests.platform.roots import Engine, Root

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.timeout(900)]

BASE = {
    "account_id": ACCOUNT,
    "region": REGION,
    "organization": "example",
    "push_keys": ["tyk"],  # so that every kind of resource exists
}
CA_KEY = "aws_secretsmanager_secret gromit/ca-key"
"""AWS keeps it for 30 days."""
RECORD = 'module.mongo["mongo-0"].aws_route53_record.this'
REPLACED = {
    "module.bastion.aws_instance.this",
    'module.mongo["mongo-0"].module.host.aws_instance.this',
    'module.mongo["mongo-0"].aws_volume_attachment.data',
}


@pytest.fixture(scope="module", params=["embedded", "newer", "terraform", "tofu"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture
def own_emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


def test_a_new_image_replaces_the_machines_and_not_the_data(
    engine: Engine, own_emulator: Emulator, tmp_path: Path
) -> None:
    infra.create_prerequisites(own_emulator)
    before = everything(own_emulator)
    base = Root.copied("base", tmp_path, engine, own_emulator, BASE)
    base.apply()
    root = Root.copied("infra", tmp_path, engine, own_emulator, infra.given(own_emulator))
    root.apply(infra.QUICKLY, infra.VALUES)
    assert root.plan(infra.VALUES).is_empty

    assert kinds(everything(own_emulator) - before) == LISTINGS.keys(), "a listing found nothing"

    _release_an_image(root, own_emulator)
    assert root.plan(infra.VALUES).is_empty

    root.run("destroy", "-input=false", "-auto-approve", infra.QUICKLY, infra.VALUES)
    base.destroy()
    assert (root.resources(), base.resources()) == ([], [])
    assert everything(own_emulator) - before == {CA_KEY}
    assert before <= everything(own_emulator)


def _release_an_image(root: Root, emulator: Emulator) -> None:
    """Publish another image, apply once, and check what is replaced and what stays."""
    old, data = infra.instances(emulator), _data(emulator)
    image = infra.release_image(emulator, "second")
    assert root.plan(infra.VALUES).actions == {
        **dict.fromkeys(REPLACED, ("delete", "create")),
        RECORD: ("update",),
        "aws_route53_record.bastion": ("update",),
    }
    root.apply(Root.PLAN)
    new, now = infra.instances(emulator), _data(emulator)
    assert new.keys() == old.keys()
    assert {i["ImageId"] for i in new.values()} == {image}
    assert not {i["InstanceId"] for i in new.values()} & {i["InstanceId"] for i in old.values()}
    assert (now["VolumeId"], now["CreateTime"]) == (data["VolumeId"], data["CreateTime"])
    host = new["gromit-mongo-0"]
    assert [(a["InstanceId"], a["State"]) for a in now["Attachments"]] == [
        (host["InstanceId"], "attached")
    ]
    assert infra.records(emulator, "dev.example.com")["mongo-0.dev.example.com", "A"] == [
        host["PrivateIpAddress"]
    ]


def _data(emulator: Emulator) -> dict[str, Any]:
    return infra.data_volumes(emulator)["gromit-mongo-0-data"]
