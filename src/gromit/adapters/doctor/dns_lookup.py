"""Lookup of a domain's name servers.

Only this module and the local cloud's own server use the DNS library.
"""

import socket

import dns.exception
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
    try:
        answer = _resolver(resolver).resolve(
            dns.name.from_text(domain), "NS", raise_on_no_answer=False, lifetime=TIMEOUT_S
        )
    except dns.resolver.NXDOMAIN:
        return frozenset()
    except (dns.exception.DNSException, OSError) as error:
        where = resolver or "this machine's resolver"
        hint = (
            "check doctor.resolver or /etc/resolv.conf; if other domains resolve, "
            "the parent zone names wrong name servers"
        )
        raise Temporary(
            f"{where} returns no name servers of {domain}: {error}", hint=hint
        ) from error
    return frozenset(normalize_dns_name(str(record.target)) for record in answer.rrset or ())


def _resolver(address: str | None) -> dns.resolver.Resolver:
    if address is None:
        return dns.resolver.Resolver()
    host, _, port = address.rpartition(":")
    resolver = dns.resolver.Resolver(configure=False)
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    resolver.nameservers = [str(info[4][0]) for info in found]
    resolver.port = int(port)
    return resolver
