"""The provider that the Terraform files are checked against."""

from pathlib import Path

import pytest

from gromit.adapters.terraform import provider_mirror


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = provider_mirror.find_bundle()
    if bundle is None:
        pytest.skip("the embedded provider is not installed, or not built for this machine")
    return provider_mirror.ensure_unpacked(bundle, tmp_path_factory.mktemp("cache"))
