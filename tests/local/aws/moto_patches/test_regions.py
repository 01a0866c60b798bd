"""The start of a region in the emulator."""

import pytest
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.ec2.models import ec2_backends
from moto.moto_api._internal import mock_random

from gromit.local.aws.emulator import ACCOUNT
from gromit.local.aws.moto_patches import apply_patches, remove_patches


def _start(seed: int) -> tuple[list[str], int]:
    """Return the ids of a new region's default network, and what is drawn after them."""
    BackendDict.reset()
    # The reset of a service that has instances, such as autoscaling, may start the region again.
    ec2_backends.clear()
    mock_random.seed(seed)
    backend = ec2_backends[ACCOUNT]["eu-central-1"]
    return [vpc.id for vpc in backend.describe_vpcs()], mock_random.getrandbits(32)


@pytest.mark.parametrize("is_patched", [True, False])
def test_a_region_has_the_same_ids_whatever_was_drawn_before(*, is_patched: bool) -> None:
    remove_patches()
    for service in ("ec2", "autoscaling"):  # as an earlier test may leave them
        get_backend(service)[ACCOUNT]["eu-central-1"]
    if is_patched:
        apply_patches()
    (one, after_one), (two, after_two) = _start(1), _start(2)
    remove_patches()
    mock_random.seed(1)
    assert len(one) == 1
    assert (one == two) is is_patched
    assert (after_one == mock_random.getrandbits(32)) is is_patched
    assert after_one != after_two
