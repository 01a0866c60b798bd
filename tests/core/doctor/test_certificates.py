"""Findings about certificates."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from gromit.core.doctor.certificates import PemBundle, judge_certificate
from gromit.core.doctor.findings import Finding, FindingStatus
from gromit.core.security.certificates import (
    CertificateAuthority,
    Key,
    Kind,
    LeafRequest,
    issue,
    make_ca,
)
from gromit.core.security.roles import Role

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 30


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Key, password: bytes | None = None) -> str:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


def text(authority: CertificateAuthority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


CA = make_ca(new_key(), name="our CA", serial=1, now=NOW, days=1000)
OTHER = make_ca(new_key(), name="our CA", serial=2, now=NOW, days=1000)
KEY = new_key()


def leaf(kind: Kind, authority: CertificateAuthority = CA) -> str:
    request = LeafRequest(name="alice", kind=kind, days=DAYS)
    return (
        issue(authority, request, KEY.public_key(), serial=3, now=NOW)
        .public_bytes(Encoding.PEM)
        .decode()
    )


def without_extensions() -> str:
    """A certificate for `KEY` that says nothing about its purpose."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=KEY.public_key(),
        serial_number=4,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=DAYS),
    )
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.PEM).decode()


def judged(bundle: PemBundle, days: float = 1) -> Finding:
    found = judge_certificate(bundle, NOW + timedelta(days=days))
    assert (found.subject, bool(found.remedy)) == (
        bundle.subject,
        found.state is FindingStatus.WRONG,
    )
    assert "PRIVATE" not in repr(bundle) + repr(found)
    return found


@pytest.mark.parametrize(
    "bundle",
    [
        PemBundle("ca", text(CA), None, text(CA)),
        PemBundle("serve", leaf("server"), pem(KEY), text(CA)),
        PemBundle("client", leaf(Role.WORKER), pem(KEY), text(OTHER) + text(CA)),
        PemBundle("client", leaf(Role.WORKER) + text(CA), pem(KEY), None),
    ],
)
def test_a_good_certificate_shows_its_remaining_days(bundle: PemBundle) -> None:
    found = judged(bundle)
    assert found.state is FindingStatus.OK
    assert f"valid for {999 if bundle.subject == 'ca' else 29} days" in found.observed


@pytest.mark.parametrize(
    ("bundle", "observed"),
    [
        (PemBundle("client", "nonsense"), "cannot be read"),
        (PemBundle("client", leaf(Role.WORKER), None, "nonsense"), "cannot be read"),
        (PemBundle("client", leaf(Role.WORKER), None, text(OTHER)), "not issued by the CA"),
        (
            PemBundle("client", leaf(Role.WORKER), pem(new_key()), text(CA)),
            "private key does not match",
        ),
        (
            PemBundle("client", leaf(Role.WORKER), "nonsense", text(CA)),
            "private key does not match",
        ),
        (
            PemBundle("client", leaf(Role.WORKER), pem(KEY, b"password"), text(CA)),
            "private key does not match",
        ),
        (PemBundle("client", leaf("server"), pem(KEY), text(CA)), "not a client certificate"),
        (PemBundle("serve", leaf(Role.WORKER), pem(KEY), text(CA)), "not a server certificate"),
        (PemBundle("ca", leaf("server"), None, None), "not a CA certificate"),
        (PemBundle("ca", without_extensions()), "unnamed: not a CA certificate"),
        (PemBundle("client", without_extensions()), "unnamed: not a client certificate"),
    ],
)
def test_the_first_fault_is_reported(bundle: PemBundle, observed: str) -> None:
    found = judged(bundle)
    assert found.state is FindingStatus.WRONG
    assert observed in found.observed


@pytest.mark.parametrize(
    ("days", "state", "observed"),
    [
        (-1, FindingStatus.WRONG, "not valid before"),
        (20, FindingStatus.OK, "valid for 10 days"),  # due, but the next renewal is still to come
        (24.9, FindingStatus.OK, "valid for 5 days"),
        (25.1, FindingStatus.WRONG, "not being renewed: valid for 4 days"),
        (30, FindingStatus.WRONG, "expired on 2026-07-01"),
    ],
)
def test_a_certificate_that_is_not_renewed_is_wrong_before_it_ends(
    days: float, state: FindingStatus, observed: str
) -> None:
    found = judged(PemBundle("client", leaf(Role.WORKER), pem(KEY), text(CA)), days)
    assert (found.state, observed in found.observed) == (state, True)
