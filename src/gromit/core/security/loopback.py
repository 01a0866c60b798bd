"""Hosts to which plain text may be sent: what is sent to them never leaves the machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is a literal loopback address (127.0.0.0/8 or ::1, without brackets).

    Names are refused, `localhost` too: a name is whatever the resolver answers, and an answer from
    the network would send a token in clear text, or fetch keys from a stranger. An address needs
    no resolver.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
