"""Name servers of a domain, from a real DNS server on loopback."""

import socket
from collections.abc import Iterator

import pytest

from gromit.adapters.doctor import dns_lookup
from gromit.adapters.doctor.dns_lookup import get_name_servers, has_address
from gromit.errors import Temporary
from gromit.local.aws.dns_server import DnsServer, ZoneRecord


class Zone:
    """A zone with two name servers, and one without any."""

    def record_sets(self) -> list[ZoneRecord]:
        return [
            ZoneRecord("dev.example.com", "NS", 60, ("ns-1.awsdns-1.com", "NS-2.awsdns-2.net.")),
            ZoneRecord("bare.example.com", "A", 60, ("127.0.0.1",)),
        ]


@pytest.fixture
def resolver() -> Iterator[str]:
    server = DnsServer(Zone()).start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


def test_name_servers_are_plain_names(resolver: str) -> None:
    assert get_name_servers("dev.example.com", resolver) == {
        "ns-1.awsdns-1.com",
        "ns-2.awsdns-2.net",
    }


@pytest.mark.parametrize("domain", ["bare.example.com", "absent.example.com"])
def test_a_domain_without_name_servers_has_none(resolver: str, domain: str) -> None:
    assert get_name_servers(domain, resolver) == frozenset()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("bare.example.com", True),
        ("dev.example.com", False),
        ("absent.example.com", False),
        ("192.0.2.1", True),
        ("2001:db8::1", True),
    ],
)
def test_a_name_has_an_address_or_none(resolver: str, name: str, known: bool) -> None:
    assert has_address(name, resolver) is known


def test_a_resolver_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_lookup, "TIMEOUT_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(
            Temporary, match=f"{address} returns no name servers of dev.example.com"
        ):
            get_name_servers("dev.example.com", address)
        with pytest.raises(Temporary, match=f"{address} returns no address of a.example.com"):
            has_address("a.example.com", address)


def test_a_resolver_may_be_named(resolver: str) -> None:
    assert get_name_servers("dev.example.com", resolver.replace("127.0.0.1", "localhost"))
