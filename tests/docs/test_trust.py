"""The page on trust has the figures of the code."""

from gromit.core.security.oidc import LEEWAY_S
from gromit.web.gateway.issuer import ALGORITHM, FRESH_MS, KEPT_MS, PAUSE_MS
from tests.docs.markdown import read

TRUST = read("explanation/trust.md")


def test_what_is_said_of_oidc_tokens_is_so() -> None:
    assert f"signed ({ALGORITHM}, and nothing else)" in TRUST
    assert f"give or take {LEEWAY_S} seconds" in TRUST
    assert (FRESH_MS, KEPT_MS, PAUSE_MS) == (3_600_000, 24 * 3_600_000, 10_000)
    assert "looked up anew after an hour" in TRUST
    assert "those of the last day\n" in TRUST
    assert "more often than every ten seconds" in TRUST
