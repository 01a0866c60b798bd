"""Hosts to which plain text may be sent: what is sent to them never leaves the machine."""

import ipaddress
from urllib.parse import urlsplit


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


def is_safe_url(text: str) -> bool:
    """Whether a URL is of HTTPS, or of HTTP on loopback, and has no query, fragment or user."""
    try:
        parts = urlsplit(text)
        has_more = bool(parts.query or parts.fragment or parts.username or parts.port == 0)
    except ValueError:
        return False
    is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return bool(parts.hostname) and not has_more and (parts.scheme == "https" or is_local)
