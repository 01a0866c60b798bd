"""The CAs that a machine trusts, read once per process instead of once per client of httpx2.

Reading them costs a client 25 ms of CPU time, also one that asks over plain HTTP. A client changes
nothing in its context but the protocols that it offers, which are the same for all.
"""

import os
import ssl
from functools import cache

import httpcore2

_READ = httpcore2.default_ssl_context
_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def share_default_cas() -> None:
    """Let clients that are made from now on share the context of the CAs that they trust."""
    setattr(httpcore2, "default_ssl_context", _shared)  # noqa: B010 - mypy forbids the assignment


def _shared(*, _trust_env: bool = True) -> ssl.SSLContext:
    chosen = tuple(os.environ.get(name) for name in _VARIABLES) if _trust_env else None
    return _context(chosen)


@cache
def _context(chosen: tuple[str | None, ...] | None) -> ssl.SSLContext:
    """Return the context for values of the variables that choose CAs; None ignores them."""
    return _READ(_trust_env=chosen is not None)
