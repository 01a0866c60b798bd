"""Content and status of certificates, and the deny list."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.security import certificates
from gromit.core.security.certificates import (
    CertificateAuthority,
    CertificateStatus,
    IssuedCertificate,
    Kind,
    LeafRequest,
)
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, TrustError
from tests.fakes.authority import new_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS: list[Kind] = [*Role, "server"]


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return certificates.make_ca(new_key(), name="test", serial=7, now=NOW, days=100)


def _leaf(
    authority: CertificateAuthority,
    kind: Kind = Role.WORKER,
    *,
    now: datetime = NOW,
    days: int = 30,
    sans: tuple[str, ...] = (),
) -> x509.Certificate:
    request = LeafRequest(name="sow", kind=kind, sans=sans, days=days)
    return certificates.issue(authority, request, new_key().public_key(), serial=0xABC, now=now)


def test_a_ca_may_sign_leaves_and_nothing_else(authority: CertificateAuthority) -> None:
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = authority.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert isinstance(authority.certificate.public_key(), ec.EllipticCurvePublicKey)


@pytest.mark.parametrize("kind", KINDS)
def test_a_leaf_is_for_servers_or_for_clients_never_both(
    authority: CertificateAuthority, kind: Kind
) -> None:
    extensions = _leaf(authority, kind).extensions
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    expected = (
        ExtendedKeyUsageOID.SERVER_AUTH if kind == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    )
    assert list(purposes) == [expected]
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign


@pytest.mark.parametrize("kind", KINDS)
def test_only_clients_carry_a_role(authority: CertificateAuthority, kind: Kind) -> None:
    names = (
        _leaf(authority, kind).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ([] if kind == "server" else [f"gromit://role/{kind}"])
    assert names.get_values_for_type(x509.DNSName) == ["sow"]


def test_names_and_addresses_are_distinguished(authority: CertificateAuthority) -> None:
    leaf = _leaf(
        authority, "server", sans=("serve.internal", "10.0.0.1", "::1", "*.dev.example.com", "sow")
    )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sow", "serve.internal", "*.dev.example.com"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]


def test_a_leaf_is_signed_by_its_ca_and_never_outlives_it(authority: CertificateAuthority) -> None:
    leaf = _leaf(authority, now=NOW + timedelta(days=90))
    leaf.verify_directly_issued_by(authority.certificate)
    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc
    assert _leaf(authority, days=30).not_valid_after_utc == NOW + timedelta(days=30)


def test_an_expired_ca_signs_nothing(authority: CertificateAuthority) -> None:
    with pytest.raises(TrustError, match="expired"):
        _leaf(authority, now=NOW + timedelta(days=101))


@pytest.mark.parametrize(
    "san",
    ["", "a b", "-x", "x/y", "sch\xf6n.example", "a..b", "*", "x" * 64, "gromit://role/operator"],
)
def test_a_san_that_is_no_name_is_refused(authority: CertificateAuthority, san: str) -> None:
    with pytest.raises(InvalidInput):
        _leaf(authority, "server", sans=(san,))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "A",
        "ca",
        "x-key",
        ".x",
        "x.",
        "a b",
        "\u00e9",
        "x" * 64,
        "a\n",
        "*.x",
    ],
)
def test_a_name_that_could_go_astray_as_a_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        certificates.check_name(name)


@given(st.text(max_size=70))
def test_whatever_passes_as_a_name_is_a_plain_file_name(text: str) -> None:
    try:
        name = certificates.check_name(text)
    except InvalidInput:
        return
    assert name == text
    assert "/" not in name
    assert not name.startswith(".")
    assert name.isascii()
    assert certificates.is_dns_name(name)


def _line(
    name: str = "sow", serial: str = "1", *, start: datetime = NOW, days: int = 30
) -> IssuedCertificate:
    return IssuedCertificate(
        name=name,
        kind=Role.WORKER,
        serial=serial,
        sans=(),
        days=days,
        not_before=start,
        not_after=start + timedelta(days=days),
    )


def test_a_certificate_is_due_after_two_thirds_of_its_life() -> None:
    assert not certificates.is_due(_line(), NOW + timedelta(days=20) - timedelta(seconds=1))
    assert certificates.is_due(_line(), NOW + timedelta(days=20))


def test_status_of_certificates() -> None:
    old, new, gone, revoked = (
        _line(serial="1"),
        _line(serial="2"),
        _line("x", "3", days=1),
        _line("y", "4"),
    )
    latest = certificates.newest_by_name([old, new, gone, revoked])
    later = NOW + timedelta(days=2)
    found = [
        certificates.certificate_status(line, latest, {"4"}, later)
        for line in (old, new, gone, revoked)
    ]
    assert found == [
        CertificateStatus.REPLACED,
        CertificateStatus.VALID,
        CertificateStatus.EXPIRED,
        CertificateStatus.REVOKED,
    ]
    assert (
        certificates.certificate_status(new, latest, (), NOW + timedelta(days=25))
        is CertificateStatus.DUE
    )


def test_the_index_line_says_what_the_certificate_says(authority: CertificateAuthority) -> None:
    request = LeafRequest(name="sow", kind=Role.WORKER, sans=("a.b",), days=3)
    leaf = certificates.issue(authority, request, new_key().public_key(), serial=0xABC, now=NOW)
    line = certificates.index_line(request, leaf)
    assert (line.serial, line.not_before, line.not_after) == (
        "abc",
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
    )
    assert (line.name, line.kind, line.sans, line.days) == ("sow", Role.WORKER, ("a.b",), 3)


@pytest.mark.parametrize(
    ("text", "serial"),
    [("ab", "ab"), ("0xAB", "ab"), ("00:AB:0c", "ab0c"), (" ab ", "ab"), ("0", "0")],
)
def test_serials_are_read_in_every_usual_form(text: str, serial: str) -> None:
    assert certificates.parse_serial(text) == serial


def test_a_deny_list_has_comments_and_empty_lines() -> None:
    text = "# revoked\n\nAB  # alice\n 00:cd\n#ef\n"
    assert certificates.parse_denylist(text) == {"ab", "cd"}


@pytest.mark.parametrize("text", ["alice", "ab cd", "12g4", "<<<<<<< HEAD"])
def test_a_deny_list_that_is_not_understood_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(TrustError, match="line 2"):
        certificates.parse_denylist(f"ab\n{text}\n")


@given(st.sets(st.integers(min_value=1, max_value=2**159)))
def test_every_serial_written_is_denied(serials: set[int]) -> None:
    text = "".join(f"{serial:x}\n" for serial in serials)
    assert certificates.parse_denylist(text) == {format(serial, "x") for serial in serials}


def test_every_role_and_server_can_be_issued() -> None:
    assert set(KINDS) == {*Role, *(word for part in get_args(Kind) for word in get_args(part))}
