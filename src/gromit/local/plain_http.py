"""Requests over plain HTTP inside this machine."""

import ssl
from functools import cache


@cache
def no_cas() -> ssl.SSLContext:
    """Return the TLS of a client that asks over plain HTTP only: it trusts no CA.

    Without it, each client of httpx2 reads all CAs of the machine, which takes 25 ms.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
