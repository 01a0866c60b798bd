"""Certificates, keys and CAs as PEM text or files."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from gromit.core.security import certificates
from gromit.errors import ConfigError
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles, ClientTls, read_pem
from tests.fakes.authority import TestCa, new_key, now


@pytest.fixture
def ca(tmp_path: Path) -> TestCa:
    return TestCa(tmp_path)


def test_what_is_neither_is_refused_without_being_quoted_at_length(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the private key .*missing"):
        read_pem(str(tmp_path / "missing"), "private key")
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match="not PEM"):
        read_pem(str(tmp_path / "empty"), "certificate")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    with pytest.raises(ConfigError, match="not PEM"):
        read_pem(str(tmp_path / "binary"), "certificate")
    with pytest.raises(ConfigError) as caught:
        read_pem("MHcCAQEEI" * 200, "private key")
    assert "MHcCAQ" not in str(caught.value)


def test_a_key_is_in_no_repr(ca: TestCa) -> None:
    files = ca.leaf("serve", "server")
    identity = CertificateFiles(files.cert, Path(files.key).read_text(), None)
    assert "PRIVATE" not in repr(identity)
    assert "PRIVATE" not in repr(identity.read())


def test_an_encrypted_key_is_refused_without_a_prompt(ca: TestCa) -> None:
    key = new_key()
    request = certificates.LeafRequest(name="x", kind="server", days=1)
    leaf = certificates.issue(ca.authority, request, key.public_key(), serial=3, now=now())
    files = ca.write("x", leaf, key)
    Path(files.key).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    )
    with pytest.raises(ConfigError, match="encrypted"):
        ServerTls(CertificateFiles(files.cert, files.key, files.ca))


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN RUBBISH"],
)
def test_a_ca_that_is_no_certificate_is_refused(ca: TestCa, text: str) -> None:
    files = ca.leaf("serve", "server")
    with pytest.raises(ConfigError, match="CA certificate"):
        ServerTls(CertificateFiles(files.cert, files.key, text))


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN RUBBISH"],
)
def test_a_certificate_that_cannot_be_parsed_is_refused(ca: TestCa, text: str) -> None:
    files = ca.leaf("serve", "server")
    for make in (ServerTls, ClientTls):
        with pytest.raises(ConfigError, match="do not fit together"):
            make(CertificateFiles(text, files.key, files.ca))
