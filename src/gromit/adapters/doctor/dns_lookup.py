"""Asks DNS which name servers a domain has. The one place that knows the DNS library, besides the local cloud's own server."""

import socket

import dns.exception
import dns.name
import dns.resolver

from gromit.core.names import normalize_dns_name
from gromit.errors import Temporary

TIMEOUT_S = 5.0
"""Seconds for a question, with all its repetitions."""


def get_name_servers(domain: str, resolver: str | None = None) -> frozenset[str]:
    """The NS records of a domain, as `resolver` (`address:port`; None: this machine's own) answers; empty if there are none.

    A resolver goes down from the root, so what it answers is where the parent zone sends everybody.
    Raises `Temporary` if nobody answers, or those who should know it do not.
    """
    try:
        answer = _resolver(resolver).resolve(
            dns.name.from_text(domain), "NS", raise_on_no_answer=False, lifetime=TIMEOUT_S
        )
    except dns.resolver.NXDOMAIN:
        return frozenset()
    except (dns.exception.DNSException, OSError) as error:
        where = resolver or "the resolver of this machine"
        hint = (
            "check doctor.resolver, or /etc/resolv.conf; if others are resolved, "
            "the name servers of the domain's parent are wrong"
        )
        raise Temporary(f"{where} does not say who serves {domain}: {error}", hint=hint) from error
    return frozenset(normalize_dns_name(str(record.target)) for record in answer.rrset or ())


def _resolver(address: str | None) -> dns.resolver.Resolver:
    if address is None:
        return dns.resolver.Resolver()
    host, _, port = address.rpartition(":")
    made = dns.resolver.Resolver(configure=False)
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    made.nameservers, made.port = [str(each[4][0]) for each in found], int(port)
    return made
