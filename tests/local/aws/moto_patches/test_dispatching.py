"""Patches of the search for a service and its actions."""

import inspect
import os
import threading
from typing import Any

import boto3
import pytest
from moto.core.errors import ErrorLookupFactory
from moto.core.responses import BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from gromit.local.aws.moto_patches.dispatching import find_services_once
from gromit.local.aws.moto_patches.patches import Patches
from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud, outcome

HOSTS = (
    None,
    "moto_api",
    "instance_metadata",
    "dynamodb",
    "s3control",
    "ec2.eu-central-1.amazonaws.com",
    "s3.eu-central-1.amazonaws.com",
    "nothing.example.com",
)


def test_each_host_has_the_same_service() -> None:
    dispatcher = DomainDispatcherApplication(create_backend_app)
    stock = [dispatcher.get_backend_for_host(host) for host in HOSTS]
    patches = Patches()
    find_services_once(patches)
    try:
        for _ in range(2):
            assert [dispatcher.get_backend_for_host(host) for host in HOSTS] == stock
    finally:
        patches.undo()
    assert stock[3:6] == ["dynamodb", "s3control", "ec2"]


def test_a_service_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher, patches = DomainDispatcherApplication(create_backend_app), Patches()
    listing, listed, ours = os.listdir, list[Any](), threading.current_thread()

    def count(folder: Any) -> list[str]:
        if threading.current_thread() is ours:
            listed.append(folder)
        return listing(folder)

    monkeypatch.setattr(os, "listdir", count)
    find_services_once(patches)
    try:
        for _ in range(3):
            # An emulator in this process may know the hosts of other tests already.
            dispatcher.get_backend_for_host("ec2.of-this-test.amazonaws.com")
    finally:
        patches.undo()
    assert len(listed) == 1


def test_the_actions_of_a_service_are_listed_once(
    both: Both[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = inspect.getmembers

    def look(_cloud: Cloud) -> tuple[int, int]:
        listed: list[Any] = []

        def count(owner: Any, *more: Any, **named: Any) -> Any:
            if isinstance(owner, type) and issubclass(owner, BaseResponse):
                listed.append(owner)
            return listing(owner, *more, **named)

        monkeypatch.setattr(inspect, "getmembers", count)
        ec2: Any = boto3.client("ec2", REGION)
        found = [len(ec2.describe_vpcs()["Vpcs"]) for _ in range(3)]
        return sum(found), len(listed)

    stock, patched = both(look)
    assert stock == [3, 3]
    assert patched == [3, 1]


def test_the_errors_of_a_service_are_read_once(
    both: Both[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ErrorLookupFactory._create_error_lut

    def look(_cloud: Cloud) -> tuple[list[str], int]:
        read: list[Any] = []

        def count(model: Any) -> Any:
            read.append(model)
            return reading(model)

        monkeypatch.setattr(ErrorLookupFactory, "_create_error_lut", staticmethod(count))
        ecr: Any = boto3.client("ecr", REGION)
        answers = [outcome(ecr.list_images, repositoryName="none") for _ in range(3)]
        return answers, len(read)

    stock, patched = both(look)
    assert stock == [["RepositoryNotFoundException"] * 3, 3]
    assert patched == [["RepositoryNotFoundException"] * 3, 1]
