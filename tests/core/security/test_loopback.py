"""Which hosts count as loopback."""

import pytest

from gromit.core.security.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "0:0:0:0:0:0:0:1"])
def test_a_loopback_address_is_one(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",  # a name: the resolver decides where it leads
        "127.0.0.1.example.com",
        "127.1",  # shorthand that only some libraries accept
        "[::1]",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "169.254.169.254",
    ],
)
def test_anything_else_is_not(host: str) -> None:
    assert not is_loopback(host)
