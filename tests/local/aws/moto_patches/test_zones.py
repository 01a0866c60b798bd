"""Patches of Route53."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.local.aws.moto_patches.conftest import REGION, Both, outcome

NAME = "tyk.app.dev.example.com"


def change(
    action: str, *values: str, name: str = NAME, kind: str = "A", ttl: int = 10
) -> dict[str, Any]:
    records = [{"Value": value} for value in values]
    return {
        "Action": action,
        "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": records},
    }


class Zone:
    """A zone with a record that sorts after all others."""

    def __init__(self) -> None:
        self.route53: Any = boto3.client("route53", REGION)
        self.id: str = self.route53.create_hosted_zone(Name="dev.example.com", CallerReference="x")[
            "HostedZone"
        ]["Id"]
        self.send(change("CREATE", "9.9.9.9", name="zzz.zzz.dev.example.com"))

    def send(self, *changes: dict[str, Any]) -> str:
        return outcome(
            self.route53.change_resource_record_sets,
            HostedZoneId=self.id,
            ChangeBatch={"Changes": list(changes)},
        )

    def values(self) -> list[str]:
        sets = self.route53.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return [r["Value"] for s in sets if s["Name"] == f"{NAME}." for r in s["ResourceRecords"]]


Story = Callable[[Zone], Any]


def create_over_another(zone: Zone) -> Any:
    zone.send(change("CREATE", "1.1.1.1"))
    return zone.send(change("CREATE", "2.2.2.2")), zone.values()


def create_again_after_a_delete(zone: Zone) -> Any:
    zone.send(change("CREATE", "1.1.1.1"))
    zone.send(change("DELETE", "1.1.1.1"))
    return zone.send(change("CREATE", "1.1.1.1")), zone.values()


def delete_what_is_gone(zone: Zone) -> Any:
    zone.send(change("CREATE", "1.1.1.1"))
    zone.send(change("DELETE", "1.1.1.1"))
    return zone.send(change("DELETE", "1.1.1.1")), zone.values()


def delete_what_was_changed(zone: Zone) -> Any:
    zone.send(change("CREATE", "1.1.1.1"))
    zone.send(change("UPSERT", "2.2.2.2"))
    return zone.send(change("DELETE", "1.1.1.1")), zone.values()


def delete_in_another_order(zone: Zone) -> Any:
    zone.send(change("UPSERT", "2.2.2.2", "1.1.1.1"))
    return zone.send(change("DELETE", "1.1.1.1", "2.2.2.2")), zone.values()


def replace_what_was_changed(zone: Zone) -> Any:
    zone.send(change("CREATE", "1.1.1.1"))
    zone.send(change("UPSERT", "3.3.3.3"))
    return zone.send(change("DELETE", "1.1.1.1"), change("CREATE", "2.2.2.2")), zone.values()


def a_batch_with_one_bad_change(zone: Zone) -> Any:
    return zone.send(
        change("CREATE", "1.1.1.1"), change("CREATE", "2.2.2.2", name="tyk.elsewhere.org")
    ), zone.values()


def too_many_characters(zone: Zone) -> Any:
    long = [
        change("UPSERT", f'"{"x" * 248}"', name=f"c{n}.app.dev.example.com", kind="TXT")
        for n in range(65)
    ]
    return zone.send(*long), zone.send(*long[:64])


REFUSED = "InvalidChangeBatch"


@pytest.mark.parametrize(
    ("story", "as_aws"),
    [
        (create_over_another, [REFUSED, ["1.1.1.1"]]),
        (create_again_after_a_delete, ["done", ["1.1.1.1"]]),
        (delete_what_is_gone, [REFUSED, []]),
        (delete_what_was_changed, [REFUSED, ["2.2.2.2"]]),
        (delete_in_another_order, ["done", []]),
        (replace_what_was_changed, [REFUSED, ["3.3.3.3"]]),
        (a_batch_with_one_bad_change, [REFUSED, []]),
        (too_many_characters, [REFUSED, "done"]),
    ],
)
def test_batches_are_made_wholly_or_not_at_all_by_what_is_there(
    both: Both[Any], story: Story, as_aws: Any
) -> None:
    stock, patched = both(lambda _cloud: story(Zone()))
    assert stock != as_aws
    assert patched == as_aws
