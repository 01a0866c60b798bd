"""The provider that the Terraform files are checked against."""

from pathlib import Path

import pytest

from tests.terraforms import unpacked_provider


@pytest.fixture(scope="session")
def mirror() -> Path:
    return unpacked_provider()
