"""Variables of a shell and the unpacked provider, for all tests with a real terraform."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gromit.adapters.terraform import provider_mirror

USER_CACHE = provider_mirror.user_cache(os.environ)
"""The user's own cache, where the provider is unpacked once for all processes and runs."""


def shell_variables() -> Mapping[str, str]:
    """Return the variables of a shell that terraform needs or knows."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        # The provider's schemas are most of what a short terraform makes, and they stay until it
        # ends. With Go's own setting, a sixth of its CPU time goes into looking for garbage.
        "GOGC": os.environ["GOGC"],
    }


def unpacked_provider() -> Path:
    """Return the mirror with the embedded provider; skip the test if there is none."""
    bundle = provider_mirror.find_bundle()
    if bundle is None:
        pytest.skip("the embedded provider is not installed, or not built for this machine")
    return provider_mirror.ensure_unpacked(bundle, USER_CACHE)
