"""The page on trust states the figures of the code."""

from gromit.core.security.oidc import LEEWAY_S
from gromit.web.gateway.issuer import ALGORITHM, FRESH_MS, KEPT_MS, PAUSE_MS
from tests.docs.markdown import read

TRUST = read("explanation/trust.md")


def test_figures_of_oidc_tokens_are_those_of_the_code() -> None:
    assert f"signed ({ALGORITHM}, and nothing else)" in TRUST
    assert f"give or take {LEEWAY_S} seconds" in TRUST
    assert (FRESH_MS, KEPT_MS, PAUSE_MS) == (3_600_000, 24 * 3_600_000, 10_000)
    assert "refreshes them after an hour" in TRUST
    assert "keys that are less than a day old" in TRUST
    assert "more often than every ten seconds" in TRUST
