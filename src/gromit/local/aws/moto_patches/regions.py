"""Regions: what an account has in one from its start on."""

from typing import Any

from moto.core.base_backend import AccountSpecificBackend
from moto.moto_api._internal import mock_random

from gromit.local.aws.moto_patches.patches import Patches


def start_regions_alike(patches: Patches) -> None:
    """Default networks exist before the first request, so no request decides on their ids.

    Moto makes them with the first request that needs them. The journal, which replays requests with
    the identifiers that they drew, could otherwise not replay one of them alone.
    """

    def get_region(stock: Any, backends: Any, region: str) -> Any:
        if ("aws" if region == "global" else region) in backends.keys():  # noqa: SIM118 - `in` asks for known regions
            return stock(backends, region)
        drawn = mock_random.getstate()
        mock_random.seed(f"{backends.service_name} {backends.account_id} {region}")
        try:
            return stock(backends, region)
        finally:
            mock_random.setstate(drawn)

    patches.replace(AccountSpecificBackend, "__getitem__", get_region)
