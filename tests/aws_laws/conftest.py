"""An emulator under AWS's laws, for each test anew."""

from collections.abc import Iterator

import pytest

from tests.aws_laws.laws import Laws, governed


@pytest.fixture
def laws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Laws]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # half the time of an empty emulator
    with governed() as laws:
        yield laws
