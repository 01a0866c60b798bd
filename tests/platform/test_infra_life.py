"""The life of `terraform/infra`: made, given a new machine image, and destroyed with nothing left. With each provider there is."""

from pathlib import Path

import pytest

from tests.platform import infra
from tests.platform.emulator import Emulator
from tests.platform.roots import Engine, Root

pytestmark = [pytest.mark.terraform, pytest.mark.long]


@pytest.fixture(scope="module", params=["embedded", "newer"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def test_a_new_image_replaces_the_machines_and_not_the_data(engine: Engine, emulator: Emulator, tmp_path: Path) -> None:
    infra.lay_base(emulator)
    infra.lay_outside(emulator)
    before = infra.inventory(emulator)
    root = Root.copied("infra", tmp_path, engine, emulator, infra.given(emulator))
    root.apply(infra.QUICKLY, infra.VALUES)
    assert root.plan(infra.VALUES).is_empty
    old, data = infra.instances(emulator), infra.data_volumes(emulator)["gromit-mongo-0-data"]

    image = infra.release_image(emulator, "second")
    plan = root.plan(infra.VALUES)
    replaced, touched = ("delete", "create"), 'module.mongo["mongo-0"].aws_route53_record.this'
    assert plan.actions == {
        "module.bastion.aws_instance.this": replaced,
        'module.mongo["mongo-0"].module.host.aws_instance.this': replaced,
        'module.mongo["mongo-0"].aws_volume_attachment.data': replaced,
        touched: ("update",),
    }
    root.apply(infra.QUICKLY, infra.VALUES)
    new, now = infra.instances(emulator), infra.data_volumes(emulator)["gromit-mongo-0-data"]
    assert new.keys() == old.keys()
    assert {i["ImageId"] for i in new.values()} == {image}
    assert not {i["InstanceId"] for i in new.values()} & {i["InstanceId"] for i in old.values()}
    assert (now["VolumeId"], now["CreateTime"]) == (data["VolumeId"], data["CreateTime"])
    assert [(a["InstanceId"], a["State"]) for a in now["Attachments"]] == [(new["gromit-mongo-0"]["InstanceId"], "attached")]
    record = infra.records(emulator, "dev.example.com")["mongo-0.dev.example.com", "A"]
    assert record == [new["gromit-mongo-0"]["PrivateIpAddress"]]
    assert root.plan(infra.VALUES).is_empty

    root.run("destroy", "-input=false", "-auto-approve", infra.QUICKLY, infra.VALUES)
    assert root.resources() == []
    assert infra.inventory(emulator) == before
