"""Lookup of a domain's name servers, and of addresses.

Only this module and the local cloud's own server use the DNS library.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.inet
import dns.name
import dns.resolver

from gromit.core.names import normalize_dns_name
from gromit.errors import Temporary

TIMEOUT_S = 5.0
"""Seconds for a query with all its retries."""


def get_name_servers(domain: str, resolver: str | None = None) -> frozenset[str]:
    """Look up the NS records of a domain; empty if there are none.

    `resolver` is `address:port`; None: this machine's resolver. A resolver starts at the root, so
    its answer shows where the parent zone sends everyone.
    Raises `Temporary` if the resolver does not answer, or the domain's servers do not answer it.
    """
    hint = (
        "check doctor.resolver or /etc/resolv.conf; if other domains resolve, "
        "the parent zone names wrong name servers"
    )
    with _lookup_errors(f"returns no name servers of {domain}", resolver, hint):
        records = _records(domain, "NS", resolver)
    return frozenset(normalize_dns_name(str(record.target)) for record in records)


def has_address(name: str, resolver: str | None = None) -> bool:
    """Whether DNS returns an IPv4 or IPv6 address for a name; an address is one itself.

    Raises `Temporary` if the resolver does not answer.
    """
    if dns.inet.is_address(name):
        return True
    hint = "check doctor.resolver or /etc/resolv.conf"
    with _lookup_errors(f"returns no address of {name}", resolver, hint):
        return any(_records(name, kind, resolver) for kind in ("A", "AAAA"))


def _records(name: str, kind: str, resolver: str | None) -> Sequence[Any]:
    """Look up the records of a name; empty if there are none."""
    try:
        answer = _resolver(resolver).resolve(
            dns.name.from_text(name), kind, raise_on_no_answer=False, lifetime=TIMEOUT_S
        )
    except dns.resolver.NXDOMAIN:
        return ()
    return list(answer.rrset or ())


@contextmanager
def _lookup_errors(what: str, resolver: str | None, hint: str) -> Iterator[None]:
    try:
        yield
    except (dns.exception.DNSException, OSError) as error:
        where = resolver or "this machine's resolver"
        raise Temporary(f"{where} {what}: {error}", hint=hint) from error


def _resolver(address: str | None) -> dns.resolver.Resolver:
    if address is None:
        return dns.resolver.Resolver()
    host, _, port = address.rpartition(":")
    resolver = dns.resolver.Resolver(configure=False)
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    resolver.nameservers = [str(info[4][0]) for info in found]
    resolver.port = int(port)
    return resolver
