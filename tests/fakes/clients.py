"""Clients that talk to a server byte by byte, and wait for what a server does in its own time."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.fakes.authority import Files
from tests.waiting import PATIENCE_S


def tls_context(
    files: Files | None, ca: str, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A client's context with a certificate, a trusted CA and, if given, one version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    if files is not None:
        context.load_cert_chain(files.cert, files.key)
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    return context


@contextmanager
def connection(address: str, context: ssl.SSLContext | None = None) -> Iterator[socket.socket]:
    """A connection to `host:port`, through TLS if a context is given."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain:
        if context is None:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            yield secured


def send_last(stream: socket.socket, data: bytes) -> None:
    """Send data and the end of the stream to a server that may have refused and closed already.

    A server that closes with unread bytes resets the connection: then the bytes that follow are
    not sent, and the end is not either.
    """
    with suppress(OSError):
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)


def read_all(stream: socket.socket) -> bytes:
    """Everything until the server closes; a reset counts as closing."""
    received = bytearray()
    try:
        while chunk := stream.recv(65536):
            received += chunk
    except (ConnectionError, ssl.SSLEOFError):
        pass
    return bytes(received)


def read_until(stream: socket.socket, text: bytes) -> bytes:
    """Everything up to the first piece in which `text` is complete."""
    received = b""
    while text not in received:
        chunk = stream.recv(65536)
        assert chunk, f"closed before {text!r}: {received!r}"
        received += chunk
    return received


def read_answer(stream: socket.socket) -> bytes:
    """One answer with a Content-Length, whole; less if the server closes before."""
    received = bytearray()
    while b"\r\n\r\n" not in received:
        chunk = stream.recv(65536)
        if not chunk:
            return bytes(received)
        received += chunk
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1]
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    ]
    while len(body) < int(lengths[0]):
        chunk = stream.recv(65536)
        if not chunk:
            break
        body += chunk
    return head + b"\r\n\r\n" + body


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until it is so; fail after a while."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not become so in time"
        pause.wait(0.01)
