"""Accepted certificates, and contexts that follow their files: with real handshakes."""

import json
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gromit.core.security import certificates
from gromit.core.security.certificates import Kind
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.web.server.accept import HANDSHAKES_FAILED
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import EXPIRES, ServerTls, read_peer
from gromit.web.tls import CertificateFiles, ClientTls
from tests.fakes.authority import Files, TestCa, key_pem, new_key, now
from tests.fakes.clients import connection, read_all, read_answer, tls_context, wait_for
from tests.waiting import PATIENCE_S
from tests.web.applications import mirror

REQUEST = b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
REFUSED = (ssl.SSLError, ConnectionError)


@pytest.fixture
def ca(tmp_path: Path) -> TestCa:
    return TestCa(tmp_path)


def _server_tls(ca: TestCa, *, tls_min: str = "1.3", default_role: Role | None = None) -> ServerTls:
    files = ca.leaf("serve", "server")
    identity = CertificateFiles(files.cert, files.key, files.ca)
    return ServerTls(
        identity, tls_min="1.2" if tls_min == "1.2" else "1.3", default_role=default_role
    )


@contextmanager
def _serving(tls: ServerTls, refresh_s: float = 60) -> Iterator[str]:
    server = Server(Listener(mirror, "127.0.0.1:0", tls), refresh_s=refresh_s)
    with server.running():
        yield server.address()


def _ask(address: str, context: ssl.SSLContext) -> bytes:
    with connection(address, context) as stream:
        stream.sendall(REQUEST)
        return read_all(stream)


def _peer(address: str, context: ssl.SSLContext) -> dict[str, str | None]:
    head, _, body = _ask(address, context).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    peer: dict[str, str | None] = json.loads(body)["peer"]
    return peer


def _refused(address: str, context: ssl.SSLContext) -> bool:
    try:
        return _ask(address, context) == b""
    except REFUSED:
        return True


def _failures(reason: str) -> float:
    return float(HANDSHAKES_FAILED.labels(reason)._value.get())


def _weak(ca: TestCa) -> Files:
    key = rsa.generate_private_key(65537, 1024)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(100))
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .sign(ca.authority.key, hashes.SHA256())
    )
    cert_path, key_path = ca.folder / "weak.pem", ca.folder / "weak-key.pem"
    cert_path.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Files(str(cert_path), str(key_path), str(ca.path), "")


def _by_a_leaf(ca: TestCa) -> Files:
    """Return a certificate signed with a leaf's key, with that leaf as its chain."""
    issuer = ca.leaf("middle", Role.OPERATOR)
    middle = x509.load_pem_x509_certificate(Path(issuer.cert).read_bytes())
    forged, key = TestCa(ca.folder / "forged"), new_key()
    authority = certificates.CertificateAuthority(middle, forged.authority.key)
    request = certificates.LeafRequest(name="eve", kind=Role.OPERATOR, days=1)
    leaf = certificates.issue(authority, request, key.public_key(), serial=9, now=now())
    files = ca.write("eve", leaf, key)
    with Path(files.cert).open("ab") as chain:
        chain.write(Path(issuer.cert).read_bytes())
    return files


def _by_an_intermediate(ca: TestCa) -> Files:
    """Return a certificate of a CA below ours: its path is longer than ours allows."""
    key, name = new_key(), "below"
    below = certificates.make_ca(key, name=name, serial=5, now=now(), days=2)
    signed = (
        x509.CertificateBuilder()
        .subject_name(below.certificate.subject)
        .issuer_name(ca.authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(6)
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca.authority.key, hashes.SHA256())
    )
    leaf_key = new_key()
    request = certificates.LeafRequest(name="deep", kind=Role.OPERATOR, days=1)
    leaf = certificates.issue(
        certificates.CertificateAuthority(signed, key),
        request,
        leaf_key.public_key(),
        serial=7,
        now=now(),
    )
    files = ca.write("deep", leaf, leaf_key)
    with Path(files.cert).open("ab") as chain:
        chain.write(signed.public_bytes(Encoding.PEM))
    return files


STRANGERS: dict[str, tuple[Callable[[TestCa], Files | None], str]] = {
    "no certificate": (lambda _: None, "no_certificate"),
    "another CA's": (
        lambda ca: TestCa(ca.folder / "other", "other").leaf("x", Role.OPERATOR),
        "certificate",
    ),
    "of a CA of the same name": (
        lambda ca: TestCa(ca.folder / "twin").leaf("x", Role.OPERATOR),
        "certificate",
    ),
    "expired": (
        lambda ca: ca.leaf("x", Role.OPERATOR, at=now() - timedelta(days=3)),
        "certificate",
    ),
    "not yet valid": (
        lambda ca: ca.leaf("x", Role.OPERATOR, at=now() + timedelta(days=1)),
        "certificate",
    ),
    "a server's": (lambda ca: ca.leaf("x", "server"), "certificate"),
    "self-signed": (lambda ca: ca.self_signed("x"), "certificate"),
    "of a weak key": (_weak, "certificate"),
    "made by a leaf": (_by_a_leaf, "certificate"),
    "of a CA below ours": (_by_an_intermediate, "certificate"),
}


class TestHandshake:
    """The matrix of accepted certificates."""

    @pytest.mark.parametrize("kind", list(Role))
    def test_a_certificate_of_our_ca_is_let_in_and_named_to_the_application(
        self, ca: TestCa, kind: Kind
    ) -> None:
        files = ca.leaf("alice", kind)
        with _serving(_server_tls(ca)) as address:
            peer = _peer(address, tls_context(files, files.ca))
        assert peer == {"name": "alice", "role": kind, "serial": files.serial}

    @pytest.mark.parametrize("stranger", STRANGERS)
    def test_strangers_are_refused_and_counted(self, ca: TestCa, stranger: str) -> None:
        make, reason = STRANGERS[stranger]
        files, before = make(ca), _failures(reason)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca.path)
        if files is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.load_cert_chain(files.cert, files.key)
        with _serving(_server_tls(ca)) as address:
            assert _refused(address, context)
            wait_for(lambda: _failures(reason) == before + 1)
            friend = ca.leaf("alice", Role.VIEWER)
            assert _peer(address, tls_context(friend, friend.ca))["name"] == "alice"

    @pytest.mark.parametrize(
        ("stranger", "alert"),
        [
            ("no certificate", "CERTIFICATE_REQUIRED"),
            ("another CA's", "UNKNOWN_CA"),
            ("expired", "CERTIFICATE_EXPIRED"),
        ],
    )
    def test_a_refused_client_learns_the_reason(
        self, ca: TestCa, stranger: str, alert: str
    ) -> None:
        files = STRANGERS[stranger][0](ca)
        with _serving(_server_tls(ca)) as address:
            for _ in range(20):
                with connection(address, tls_context(files, str(ca.path))) as refused:
                    refused.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                    with pytest.raises(ssl.SSLError, match=alert):
                        refused.recv(1)

    @pytest.mark.parametrize("uris", [(), ("spiffe://x/worker",)])
    def test_without_a_role_the_peer_has_none(self, ca: TestCa, uris: tuple[str, ...]) -> None:
        files = ca.bare("old", uris)
        with _serving(_server_tls(ca)) as address:
            assert _peer(address, tls_context(files, files.ca)) == {
                "name": "old",
                "role": None,
                "serial": files.serial,
            }

    def test_a_default_role_is_for_certificates_without_any(self, ca: TestCa) -> None:
        old, odd, own = (
            ca.bare("old"),
            ca.bare("odd", ("gromit://role/admin",)),
            ca.leaf("own", Role.VIEWER),
        )
        both = ca.bare("both", ("gromit://role/viewer", "gromit://role/operator"))
        with _serving(_server_tls(ca, default_role=Role.WORKER)) as address:
            roles = [
                _peer(address, tls_context(files, files.ca))["role"]
                for files in (old, odd, both, own)
            ]
        assert roles == [Role.WORKER, None, None, Role.VIEWER]

    def test_tls_1_3_is_the_least_unless_set_otherwise(self, ca: TestCa) -> None:
        files = ca.leaf("alice", Role.VIEWER)
        old = tls_context(files, files.ca, ssl.TLSVersion.TLSv1_2)
        with _serving(_server_tls(ca)) as address:
            assert _refused(address, old)
            assert (
                _peer(address, tls_context(files, files.ca, ssl.TLSVersion.TLSv1_3))["name"]
                == "alice"
            )
        with _serving(_server_tls(ca, tls_min="1.2")) as address:
            assert _peer(address, old)["name"] == "alice"
            assert (
                _peer(address, tls_context(files, files.ca, ssl.TLSVersion.TLSv1_3))["name"]
                == "alice"
            )

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_nothing_below_1_2_is_ever_accepted(self, ca: TestCa, version: ssl.TLSVersion) -> None:
        files = ca.leaf("alice", Role.VIEWER)
        with pytest.warns(DeprecationWarning, match="deprecated"):
            context = tls_context(files, files.ca, version)
        with _serving(_server_tls(ca, tls_min="1.2")) as address:
            assert _refused(address, context)

    def test_strangers_are_refused_over_1_2_as_well(self, ca: TestCa) -> None:
        other = TestCa(ca.folder / "other", "other").leaf("x", Role.OPERATOR)
        with _serving(_server_tls(ca, tls_min="1.2")) as address:
            assert _refused(address, tls_context(None, str(ca.path), ssl.TLSVersion.TLSv1_2))
            assert _refused(address, tls_context(other, str(ca.path), ssl.TLSVersion.TLSv1_2))

    def test_no_session_is_resumed(self, ca: TestCa) -> None:
        files = ca.leaf("alice", Role.VIEWER)
        context = tls_context(files, files.ca)
        with _serving(_server_tls(ca)) as address, connection(address, context) as stream:
            stream.sendall(REQUEST)
            read_all(stream)
            assert isinstance(stream, ssl.SSLSocket)
            assert stream.session is None or not stream.session.has_ticket

    def test_a_server_of_another_name_or_ca_is_not_talked_to(self, ca: TestCa) -> None:
        files, other = ca.leaf("alice", Role.VIEWER), TestCa(ca.folder / "other", "other")
        good = CertificateFiles(files.cert, files.key, files.ca)
        wrong = CertificateFiles(files.cert, files.key, str(other.path))
        with _serving(_server_tls(ca)) as address:
            host, _, port = address.rpartition(":")
            for identity, name in ((good, "serve.elsewhere"), (wrong, "localhost")):
                context = ClientTls(identity).context
                with (
                    socket.create_connection((host, int(port))) as plain,
                    pytest.raises(ssl.SSLCertVerificationError),
                ):
                    context.wrap_socket(plain, server_hostname=name)
            with httpx2.Client(
                verify=ClientTls(good).context, trust_env=False, timeout=PATIENCE_S
            ) as client:
                assert client.get(f"https://localhost:{port}/").status_code == 200

    def test_plain_http_to_a_tls_port_is_refused(self, ca: TestCa) -> None:
        before = _failures("protocol")
        with _serving(_server_tls(ca)) as address:
            with connection(address) as stream:
                stream.sendall(REQUEST)
                assert not read_all(stream).startswith(b"HTTP/")
            wait_for(lambda: _failures("protocol") == before + 1)


class TestReload:
    """New files count without a restart."""

    def test_a_server_changes_its_certificate_under_load_without_one_failed_request(
        self, ca: TestCa
    ) -> None:
        tls = _server_tls(ca)
        client = ca.leaf("alice", Role.VIEWER)
        context = tls_context(client, client.ca)
        seen: set[str] = set()
        stop = [False]

        def keep_asking(*, reconnect: bool) -> int:
            count = 0
            while not stop[0]:
                with connection(address, context) as stream:
                    assert isinstance(stream, ssl.SSLSocket)
                    der = stream.getpeercert(binary_form=True)
                    assert der is not None
                    seen.add(read_peer(der).serial)
                    while not stop[0]:
                        stream.sendall(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n")
                        assert read_answer(stream).startswith(b"HTTP/1.1 200 ")
                        count += 1
                        if reconnect:
                            break
            return count

        with _serving(tls, refresh_s=0.01) as address, ThreadPoolExecutor(4) as pool:
            asking = [
                pool.submit(keep_asking, reconnect=reconnect) for reconnect in (True, True, False)
            ]
            serials = set()
            try:
                for _ in range(25):
                    serial = ca.leaf(
                        "serve", "server"
                    ).serial  # key and certificate change one after the other, not at once
                    wait_for(lambda serial=serial: serial in seen or any(a.done() for a in asking))  # type: ignore[misc]
                    serials.add(serial)
            finally:
                stop[0] = True
            assert all(a.result(30) > 0 for a in asking)
        assert serials <= seen

    def test_a_new_ca_counts_and_the_old_one_no_longer(self, ca: TestCa) -> None:
        tls = _server_tls(ca)
        old, other = ca.leaf("old", Role.VIEWER), TestCa(ca.folder / "next", "next")
        new = other.leaf("new", Role.VIEWER)
        both = ca.path.read_text() + other.path.read_text()
        with _serving(tls) as address:
            assert _refused(address, tls_context(new, str(ca.path)))
            server_ca = ca.folder / "server-ca.pem"
            server_ca.write_text(ca.path.read_text())
            ca.path.write_text(both)
            assert tls.refresh()
            assert [_peer(address, tls_context(f, str(server_ca)))["name"] for f in (old, new)] == [
                "old",
                "new",
            ]
            ca.path.write_text(other.path.read_text())
            assert tls.refresh()
            assert _refused(address, tls_context(old, str(server_ca)))
            assert _peer(address, tls_context(new, str(server_ca)))["name"] == "new"

    def test_what_does_not_fit_or_cannot_be_read_changes_nothing(self, ca: TestCa) -> None:
        tls = _server_tls(ca)
        cert, key = ca.folder / "serve.pem", ca.folder / "serve-key.pem"
        good, client = key.read_bytes(), ca.leaf("alice", Role.VIEWER)
        context = tls_context(client, client.ca)
        with _serving(tls) as address:
            for bad in (
                key_pem(new_key()),
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                b"",
                None,
            ):
                if bad is None:
                    key.unlink()
                else:
                    key.write_bytes(bad)
                assert not tls.refresh()
                assert _peer(address, context)["name"] == "alice"
            key.write_bytes(good)
            assert not tls.refresh()  # unchanged
            cert.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            assert not tls.refresh()
            assert _peer(address, context)["name"] == "alice"

    def test_a_client_follows_its_files_in_place(self, ca: TestCa) -> None:
        first = ca.leaf("alice", Role.VIEWER)
        tls = ClientTls(CertificateFiles(first.cert, first.key, first.ca))
        with _serving(_server_tls(ca)) as address:
            assert not tls.refresh()
            second = ca.leaf("alice", Role.OPERATOR)
            assert _peer(address, tls.context)["serial"] == first.serial
            assert tls.refresh()
            assert _peer(address, tls.context) == {
                "name": "alice",
                "role": "operator",
                "serial": second.serial,
            }
            Path(second.key).write_bytes(key_pem(new_key()))
            assert not tls.refresh()
            assert _peer(address, tls.context)["serial"] == second.serial


def test_the_metrics_say_when_our_certificate_ends(ca: TestCa) -> None:
    tls = _server_tls(ca)
    assert 0 < EXPIRES._value.get() - now().timestamp() <= 24 * 3600
    ca.leaf("serve", "server", days=9)
    assert tls.refresh()
    assert 8 * 24 * 3600 < EXPIRES._value.get() - now().timestamp() <= 9 * 24 * 3600


def test_a_server_is_ready_again_when_its_certificate_is_renewed(ca: TestCa) -> None:
    soon = now() + timedelta(hours=1)
    tls, now_ms = _server_tls(ca), Millis(int(soon.timestamp() * 1000))
    assert "expires at" in str(tls.expiry_problem(now_ms))
    ca.leaf("serve", "server", days=9)
    assert tls.refresh()
    assert tls.expiry_problem(now_ms) is None
    assert "expired at" in str(tls.expiry_problem(Millis(now_ms + 9 * 24 * 3_600_000)))


def test_text_is_taken_as_it_is_and_a_path_is_read(ca: TestCa) -> None:
    files = ca.leaf("serve", "server")
    texts = CertificateFiles(
        Path(files.cert).read_text(), Path(files.key).read_text(), ca.path.read_text()
    )
    assert texts.read() == CertificateFiles(files.cert, files.key, files.ca).read()
    client = ca.leaf("alice", Role.VIEWER)
    with _serving(ServerTls(texts)) as address:
        assert _peer(address, tls_context(client, client.ca))["name"] == "alice"


def test_a_certificate_that_is_not_understood_is_not_trusted() -> None:
    with pytest.raises(TrustError):
        read_peer(b"\x30\x03\x02\x01\x01")


def test_the_peer_is_called_by_its_first_dns_name_if_it_has_no_common_name(ca: TestCa) -> None:
    key = new_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(0xAB)
        .not_valid_before(now())
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")]),
            critical=True,
        )
        .sign(ca.authority.key, hashes.SHA256())
    )
    peer = read_peer(certificate.public_bytes(Encoding.DER))
    assert (peer.name, peer.role, peer.serial) == ("a.example", None, "ab")
    assert peer.expires_ms == certificate.not_valid_after_utc.timestamp() * 1000
