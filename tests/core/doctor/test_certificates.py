"""How certificates stand."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

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
    request = LeafRequest(name="somebody", kind=kind, days=DAYS)
    return (
        issue(authority, request, KEY.public_key(), serial=3, now=NOW)
        .public_bytes(Encoding.PEM)
        .decode()
    )


def judged(papers: PemBundle, days: float = 1) -> Finding:
    found = judge_certificate(papers, NOW + timedelta(days=days))
    assert (found.subject, bool(found.remedy)) == (papers.whose, found.state is FindingStatus.WRONG)
    assert "PRIVATE" not in repr(papers) + repr(found)
    return found


@pytest.mark.parametrize(
    "papers",
    [
        PemBundle("ca", text(CA), None, text(CA)),
        PemBundle("serve", leaf("server"), pem(KEY), text(CA)),
        PemBundle("client", leaf(Role.WORKER), pem(KEY), text(OTHER) + text(CA)),
        PemBundle("client", leaf(Role.WORKER) + text(CA), pem(KEY), None),
    ],
)
def test_good_papers_say_for_how_long(papers: PemBundle) -> None:
    found = judged(papers)
    assert found.state is FindingStatus.OK
    assert f"good for {999 if papers.whose == 'ca' else 29} days" in found.seen


@pytest.mark.parametrize(
    ("papers", "seen"),
    [
        (PemBundle("client", "nonsense"), "cannot be read"),
        (PemBundle("client", leaf(Role.WORKER), None, "nonsense"), "cannot be read"),
        (PemBundle("client", leaf(Role.WORKER), None, text(OTHER)), "was not issued by the CA"),
        (PemBundle("client", leaf(Role.WORKER), pem(new_key()), text(CA)), "the key does not fit"),
        (PemBundle("client", leaf(Role.WORKER), "nonsense", text(CA)), "the key does not fit"),
        (
            PemBundle("client", leaf(Role.WORKER), pem(KEY, b"password"), text(CA)),
            "the key does not fit",
        ),
        (PemBundle("client", leaf("server"), pem(KEY), text(CA)), "it is not for a client"),
        (PemBundle("serve", leaf(Role.WORKER), pem(KEY), text(CA)), "it is not for a server"),
        (PemBundle("ca", leaf("server"), None, None), "it is no certificate of a CA"),
    ],
)
def test_what_is_wrong_is_said(papers: PemBundle, seen: str) -> None:
    found = judged(papers)
    assert found.state is FindingStatus.WRONG
    assert seen in found.seen


@pytest.mark.parametrize(
    ("days", "state", "seen"),
    [
        (-1, FindingStatus.WRONG, "not valid before"),
        (20, FindingStatus.OK, "good for 10 days"),  # due, but the next renewal is still to come
        (24.9, FindingStatus.OK, "good for 5 days"),
        (25.1, FindingStatus.WRONG, "not being renewed: good for 4 days"),
        (30, FindingStatus.WRONG, "it ended on 2026-07-01"),
    ],
)
def test_a_certificate_that_is_not_renewed_is_wrong_before_it_ends(
    days: float, state: FindingStatus, seen: str
) -> None:
    found = judged(PemBundle("client", leaf(Role.WORKER), pem(KEY), text(CA)), days)
    assert (found.state, seen in found.seen) == (state, True)
