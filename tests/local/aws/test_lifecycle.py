"""Lifecycle policies of the emulated registry while days pass on request."""

import json
from pathlib import Path
from typing import Any

import boto3
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.discrepancies.image_expiry import expiry_ms
from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.local.aws.emulator import Emulator
from gromit.local.aws.lifecycle import DAY_S, RegistryImage, expired_images
from gromit.local.cloud.passing_weeks import age_images
from gromit.local.cloud.platform import EmulatedAccount, push_image
from gromit.local.cloud.registry_policy import registry_policy
from tests.local.conftest import REGION
from tests.waiting import PATIENCE_S

POLICY = registry_policy(["master"])
TAGS = ("master", "v1", "release-2", "app-test", "sha", used_mark("app-test"), "gromit.x")


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    return Emulator(saved=tmp_path / "aws.state")


def _account(emulator: Emulator) -> EmulatedAccount:
    session = boto3.Session("local", "local", region_name=REGION)
    return EmulatedAccount(session, emulator.url)


def _tags(ecr: Any, repository: str = "tyk") -> set[frozenset[str]]:
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    return {frozenset(detail.get("imageTags", [])) for detail in details}


def test_only_images_that_nothing_keeps_expire_and_the_state_remembers_it(
    emulator: Emulator, tmp_path: Path
) -> None:
    with emulator:
        account = _account(emulator)
        ecr = account.client("ecr")
        for tags in (
            ["master", "sha-1"],
            ["v5.3.0"],
            ["sha-2", "app-test"],
            ["sha-3", used_mark("app-test")],
            [next_mark("app-test")],
        ):
            push_image(account, "tyk", tags)
        push_image(account, "tyk-pump", ["sha-1"])
        text = json.dumps(POLICY)
        ecr.put_lifecycle_policy(repositoryName="tyk", lifecyclePolicyText=text)
        assert age_images(account, 13) == []
        push_image(account, "tyk", ["master"])
        assert {len(name) for name in age_images(account, 2)} == {len("tyk@sha256:") + 64}
        # The former master has its sha as a tag, so it goes two weeks after its push, too.
        kept = {
            frozenset({"master"}),
            frozenset({"v5.3.0"}),
            frozenset({"sha-3", used_mark("app-test")}),
            frozenset({next_mark("app-test")}),
        }
        assert _tags(ecr) == kept
        assert _tags(ecr, "tyk-pump") == {frozenset({"sha-1"})}, "it has no policy"
    with Emulator(saved=tmp_path / "aws.state") as again:
        assert _tags(_account(again).client("ecr")) == kept


@given(
    tags=st.frozensets(st.sampled_from(TAGS)),
    days=st.integers(0, 400),
    hour=st.integers(1, 23),
)
def test_the_doctor_foretells_what_expires(tags: frozenset[str], days: int, hour: int) -> None:
    """Two programs by one documentation: the emulator's rules, and the doctor's."""
    age_s = days * DAY_S + hour * 3600
    gone = expired_images(POLICY, [RegistryImage(tuple(sorted(tags)), age_s)])
    foretold_ms = expiry_ms(json.dumps(POLICY), tags, 0)
    assert bool(gone) == (foretold_ms is not None and foretold_ms < age_s * 1000)


def test_a_rule_by_number_keeps_the_newest() -> None:
    rule = {
        "rulePriority": 1,
        "selection": {
            "tagStatus": "tagged",
            "tagPrefixList": ["dev"],
            "countType": "imageCountMoreThan",
            "countNumber": 2,
        },
    }
    images = [RegistryImage((f"dev-{age}",), age) for age in (3, 1, 2)]
    assert expired_images({"rules": [rule]}, images) == [images[0]]


def test_days_that_are_no_number_are_refused(emulator: Emulator) -> None:
    with emulator:
        answer = httpx2.post(
            f"{emulator.url}/gromit/age-images", params={"days": "x"}, timeout=PATIENCE_S
        )
        assert answer.status_code == 400
