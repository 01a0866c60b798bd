"""How certificates stand."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from gromit.core.doctor.certificates import Papers, judge_certificate
from gromit.core.doctor.findings import Finding, State
from gromit.core.security.certificates import Authority, Key, Kind, LeafRequest, issue, make_ca
from gromit.core.security.roles import Role

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 30


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Key, password: bytes | None = None) -> str:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


def text(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


CA = make_ca(new_key(), name="our CA", serial=1, now=NOW, days=1000)
OTHER = make_ca(new_key(), name="our CA", serial=2, now=NOW, days=1000)
KEY = new_key()


def leaf(kind: Kind, authority: Authority = CA) -> str:
    request = LeafRequest(name="somebody", kind=kind, days=DAYS)
    return issue(authority, request, KEY.public_key(), serial=3, now=NOW).public_bytes(Encoding.PEM).decode()


def judged(papers: Papers, days: float = 1) -> Finding:
    found = judge_certificate(papers, NOW + timedelta(days=days))
    assert (found.subject, bool(found.remedy)) == (papers.whose, found.state is State.WRONG)
    assert "PRIVATE" not in repr(papers) + repr(found)
    return found


@pytest.mark.parametrize(
    "papers",
    [
        Papers("ca", text(CA), None, text(CA)),
        Papers("serve", leaf("server"), pem(KEY), text(CA)),
        Papers("client", leaf(Role.WORKER), pem(KEY), text(OTHER) + text(CA)),
        Papers("client", leaf(Role.WORKER) + text(CA), pem(KEY), None),
    ],
)
def test_good_papers_say_for_how_long(papers: Papers) -> None:
    found = judged(papers)
    assert found.state is State.OK
    assert f"good for {999 if papers.whose == 'ca' else 29} days" in found.seen


@pytest.mark.parametrize(
    ("papers", "seen"),
    [
        (Papers("client", "nonsense"), "cannot be read"),
        (Papers("client", leaf(Role.WORKER), None, "nonsense"), "cannot be read"),
        (Papers("client", leaf(Role.WORKER), None, text(OTHER)), "was not issued by the CA"),
        (Papers("client", leaf(Role.WORKER), pem(new_key()), text(CA)), "the key does not fit"),
        (Papers("client", leaf(Role.WORKER), "nonsense", text(CA)), "the key does not fit"),
        (Papers("client", leaf(Role.WORKER), pem(KEY, b"password"), text(CA)), "the key does not fit"),
        (Papers("client", leaf("server"), pem(KEY), text(CA)), "it is not for a client"),
        (Papers("serve", leaf(Role.WORKER), pem(KEY), text(CA)), "it is not for a server"),
        (Papers("ca", leaf("server"), None, None), "it is no certificate of a CA"),
    ],
)
def test_what_is_wrong_is_said(papers: Papers, seen: str) -> None:
    found = judged(papers)
    assert found.state is State.WRONG
    assert seen in found.seen


@pytest.mark.parametrize(
    ("days", "state", "seen"),
    [
        (-1, State.WRONG, "not valid before"),
        (20, State.OK, "good for 10 days"),  # due, but the next renewal is still to come
        (24.9, State.OK, "good for 5 days"),
        (25.1, State.WRONG, "not being renewed: good for 4 days"),
        (30, State.WRONG, "it ended on 2026-07-01"),
    ],
)
def test_a_certificate_that_is_not_renewed_is_wrong_before_it_ends(days: float, state: State, seen: str) -> None:
    found = judged(Papers("client", leaf(Role.WORKER), pem(KEY), text(CA)), days)
    assert (found.state, seen in found.seen) == (state, True)
