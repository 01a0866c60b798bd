"""A new emulator under AWS's rules for each test."""

from collections.abc import Iterator

import pytest

from tests.aws_laws.laws import Laws, governed


@pytest.fixture
def laws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Laws]:
    monkeypatch.setenv(
        "MOTO_EC2_LOAD_DEFAULT_AMIS", "false"
    )  # takes half the time to start an emulator
    with governed() as laws:
        yield laws
