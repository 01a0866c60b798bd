"""A running `gromit serve` for the hooks, a gateway before it, and the issuer of jobs' tokens."""

from collections.abc import Iterator

import pytest

from tests.fakes.issuer import AUDIENCE, OWNER_ID, Issuer
from tests.web.fronting import Front, fronting
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer().running() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    shared_serve: Serve, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A gateway that knows the issuer."""
    settings = {
        "GROMIT_GATEWAY_OIDC_AUDIENCE": AUDIENCE,
        "GROMIT_GATEWAY_OIDC_OWNERS": OWNER_ID,
        "GROMIT_GATEWAY_OIDC_ISSUER": issuer.url,
        "GROMIT_GATEWAY_RATE": "1000",
    }
    with fronting(shared_serve, tmp_path_factory.mktemp("gateway"), settings) as front:
        yield front
