"""Certificates in a folder: created, renewed, revoked and found."""

import itertools
import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from structlog.testing import capture_logs

from gromit.adapters.security import ca_key
from gromit.adapters.security.pki_files import DenyListFile, PkiFiles
from gromit.core.security.certificates import (
    CertificateAuthority,
    CertificateStatus,
    Key,
    LeafRequest,
)
from gromit.core.security.roles import Role
from gromit.errors import ConfigError, Conflict, InvalidInput, NotFound, TrustError
from gromit.services.pki import Pki, PkiInputs
from tests.fakes.authority import new_key
from tests.logs import lines_about

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALICE = LeafRequest(name="alice", kind=Role.OPERATOR, days=30)
SERVE = LeafRequest(name="serve", kind="server", sans=("127.0.0.1",), days=30)


class Desk:
    """CA with a clock that the test sets."""

    def __init__(self, folder: Path, make_key: Callable[[], Key] = new_key) -> None:
        self.now = START
        self.folder = folder
        self.files = PkiFiles(folder)
        serials = itertools.count(0x1000)
        self.pki = Pki(self.files, PkiInputs(lambda: self.now, lambda: next(serials), make_key))

    def states(self) -> list[tuple[str, CertificateStatus]]:
        return [(line.name, standing) for line, standing in self.pki.list()]

    def pair_fits(self, name: str) -> bool:
        certificate = x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())
        key = load_pem_private_key((self.folder / f"{name}-key.pem").read_bytes(), None)
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "pki")
    desk.pki.init("test", 365)
    return desk


def test_a_ca_is_never_overwritten(desk: Desk) -> None:
    before = (desk.folder / "ca.pem").read_bytes(), (desk.folder / "ca-key.pem").read_bytes()
    with pytest.raises(Conflict, match="there is a CA"):
        desk.pki.init("other", 365)
    (desk.folder / "ca.pem").unlink()
    with pytest.raises(Conflict, match="there is a CA"):
        desk.pki.init("other", 365)
    assert (desk.folder / "ca-key.pem").read_bytes() == before[1]


def test_nothing_is_issued_without_a_ca(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no CA"):
        Desk(tmp_path / "pki").pki.issue(ALICE)


def test_the_folder_and_all_keys_are_private(desk: Desk) -> None:
    desk.pki.issue(ALICE, "sesame")
    assert desk.folder.stat().st_mode & 0o777 == 0o700
    modes = {p.name: p.stat().st_mode & 0o777 for p in desk.folder.iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {
        "ca.pem",
        "alice.pem",
        "denylist",
    }
    assert {"ca-key.pem", "alice-key.pem", "alice.p12", "index.json"} < set(modes)


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(ConfigError, match="open to others"):
        Desk(tmp_path / "open").pki.init("test", 365)
    assert list((tmp_path / "open").iterdir()) == []


def test_what_is_issued_fits_together_and_is_listed(desk: Desk) -> None:
    issued = desk.pki.issue(ALICE)
    assert desk.pair_fits("alice")
    context = ssl.create_default_context(cafile=str(desk.folder / "ca.pem"))
    context.load_cert_chain(desk.folder / "alice.pem", desk.folder / "alice-key.pem")
    assert desk.pki.list() == [(issued, CertificateStatus.VALID)]


def test_serials_differ_even_between_certificates_of_one_name(desk: Desk) -> None:
    first = desk.pki.issue(ALICE)
    (renewal,) = desk.pki.renew(["alice"], force=True)
    assert renewal.renewed is not None
    assert renewal.renewed.serial != first.serial


@pytest.mark.parametrize("name", ["../alice", "ca", "x-key"])
def test_a_name_never_leaves_the_folder_or_touches_the_ca(desk: Desk, name: str) -> None:
    before = sorted(p.name for p in desk.folder.parent.rglob("*"))
    with pytest.raises(InvalidInput):
        desk.pki.issue(LeafRequest(name=name, kind=Role.VIEWER, days=1))
    assert sorted(p.name for p in desk.folder.parent.rglob("*")) == before


def test_a_name_has_one_certificate_until_it_ends_or_is_revoked(desk: Desk) -> None:
    desk.pki.issue(ALICE)
    with pytest.raises(Conflict, match="has a certificate"):
        desk.pki.issue(LeafRequest(name="alice", kind=Role.VIEWER, days=1))
    desk.pki.revoke("alice")
    desk.pki.issue(LeafRequest(name="alice", kind=Role.VIEWER, days=1))
    desk.now += timedelta(days=2)
    desk.pki.issue(ALICE)
    assert desk.states() == [
        ("alice", CertificateStatus.REVOKED),
        ("alice", CertificateStatus.EXPIRED),
        ("alice", CertificateStatus.VALID),
    ]


def test_files_that_the_index_does_not_know_are_not_overwritten(desk: Desk) -> None:
    (desk.folder / "alice.pem").write_text("precious")
    with pytest.raises(Conflict, match="no certificate in the index"):
        desk.pki.issue(ALICE)
    assert (desk.folder / "alice.pem").read_text() == "precious"


class TestRenewal:
    """New certificates for existing names."""

    def test_only_what_is_past_two_thirds_of_its_life_is_renewed(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        desk.now += timedelta(days=15)
        desk.pki.issue(SERVE)
        desk.now += timedelta(days=6)
        results = {r.name: r.reason for r in desk.pki.renew([])}
        assert results == {"alice": "renewed", "serve": "not due"}
        assert desk.states() == [
            ("alice", CertificateStatus.REPLACED),
            ("serve", CertificateStatus.VALID),
            ("alice", CertificateStatus.VALID),
        ]

    def test_it_says_what_the_old_one_said_with_a_new_key(self, desk: Desk) -> None:
        desk.pki.issue(SERVE)
        before = x509.load_pem_x509_certificate((desk.folder / "serve.pem").read_bytes())
        desk.pki.renew(["serve"], force=True)
        after = x509.load_pem_x509_certificate((desk.folder / "serve.pem").read_bytes())
        san = x509.SubjectAlternativeName
        assert before.extensions.get_extension_for_class(
            san
        ) == after.extensions.get_extension_for_class(san)
        assert before.public_key() != after.public_key()
        assert desk.pair_fits("serve")

    def test_an_expired_one_is_renewed(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        desk.now += timedelta(days=40)
        assert [r.reason for r in desk.pki.renew(["alice"])] == ["renewed"]

    def test_a_revoked_one_is_not(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        desk.pki.revoke("alice")
        assert [r.reason for r in desk.pki.renew([], force=True)] == ["revoked"]
        with pytest.raises(Conflict, match="revoked"):
            desk.pki.renew(["alice"], force=True)

    def test_an_unknown_name_renews_nothing_at_all(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        with pytest.raises(NotFound, match="bob"):
            desk.pki.renew(["alice", "bob"], force=True)
        assert len(desk.pki.list()) == 1

    def test_a_p12_follows_if_its_password_is_given_and_else_it_is_said(self, desk: Desk) -> None:
        desk.pki.issue(ALICE, "sesame")
        (silent,) = desk.pki.renew(["alice"], force=True)
        assert "old one" in silent.reason
        (renewal,) = desk.pki.renew(["alice"], force=True, p12_password="open")
        assert renewal.renewed is not None
        bundle = pkcs12.load_pkcs12((desk.folder / "alice.p12").read_bytes(), b"open")
        assert bundle.cert is not None
        assert format(bundle.cert.certificate.serial_number, "x") == renewal.renewed.serial
        assert [c.certificate for c in bundle.additional_certs] == [
            desk.files.authority().certificate
        ]


class TestRevocation:
    """The deny list."""

    def test_a_name_revokes_all_its_unexpired_certificates(self, desk: Desk) -> None:
        desk.pki.issue(LeafRequest(name="alice", kind=Role.OPERATOR, days=1))
        desk.now += timedelta(days=2)
        ended = desk.pki.list()[0][0].serial
        first = desk.pki.issue(ALICE).serial
        desk.pki.renew(["alice"], force=True)
        second = desk.pki.list()[-1][0].serial
        assert {line.serial for line in desk.pki.revoke("alice")} == {first, second}
        denied = DenyListFile(desk.files.denylist)
        assert [denied.denies(serial) for serial in (ended, first, second)] == [False, True, True]

    def test_a_serial_revokes_one_certificate(self, desk: Desk) -> None:
        first = desk.pki.issue(ALICE).serial
        desk.pki.renew(["alice"], force=True)
        assert [line.serial for line in desk.pki.revoke(f"0x{first.upper()}")] == [first]
        assert desk.states() == [
            ("alice", CertificateStatus.REVOKED),
            ("alice", CertificateStatus.VALID),
        ]

    def test_twice_is_once(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        assert len(desk.pki.revoke("alice")) == 1
        text = desk.files.denylist.read_text()
        assert desk.pki.revoke("alice") == []
        assert desk.files.denylist.read_text() == text

    def test_what_people_wrote_in_the_list_is_kept(self, desk: Desk) -> None:
        desk.files.denylist.write_text("# my own list\nbeef # stolen laptop")
        serial = desk.pki.issue(ALICE).serial
        desk.pki.revoke("alice")
        assert desk.files.denylist.read_text().startswith("# my own list\nbeef # stolen laptop\n")
        assert desk.files.denied() == {"beef", serial}

    def test_what_was_never_issued_cannot_be_revoked(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        for which in ("bob", "beef", ""):
            with pytest.raises(NotFound):
                desk.pki.revoke(which)

    def test_a_list_in_another_place_is_used(self, tmp_path: Path) -> None:
        elsewhere = tmp_path / "revoked"
        desk = Desk(tmp_path / "pki")
        desk.files = PkiFiles(desk.folder, elsewhere)
        desk.pki = Pki(desk.files, PkiInputs(lambda: desk.now, lambda: 77, new_key))
        desk.pki.init("test", 365)
        desk.pki.issue(ALICE)
        desk.pki.revoke("alice")
        assert "4d  # alice operator" in elsewhere.read_text()


class TestServersDenyList:
    """The deny list of a server."""

    def test_it_follows_its_file(self, tmp_path: Path) -> None:
        path = tmp_path / "denylist"
        path.write_text("ab\n")
        denylist = DenyListFile(path)
        assert (denylist.denies("ab"), denylist.denies("cd")) == (True, False)
        path.write_text("ab\ncd\n")
        assert denylist.denies("cd")

    def test_no_certificate_passes_while_it_cannot_be_read(self, tmp_path: Path) -> None:
        denylist = DenyListFile(tmp_path / "missing")
        with pytest.raises(TrustError):
            denylist.denies("ab")
        (tmp_path / "missing").write_text("no serial\n")
        with pytest.raises(TrustError):
            denylist.denies("ab")


class _Crash(Exception):
    pass


class TestCrashes:
    """States after a crash, and their repair by the next command."""

    def test_both_staged_files_are_put_in_place(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        self._stage_next(desk)
        with desk.files.changing():
            pass
        assert desk.pair_fits("alice")
        assert not list(desk.folder.glob("*.new"))

    def test_a_renamed_key_is_followed_by_its_certificate(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        self._stage_next(desk)
        (desk.folder / "alice-key.pem.new").rename(desk.folder / "alice-key.pem")
        assert not desk.pair_fits("alice")
        with desk.files.changing():
            pass
        assert desk.pair_fits("alice")

    def test_a_lone_staged_key_is_dropped(self, desk: Desk) -> None:
        desk.pki.issue(ALICE)
        self._stage_next(desk)
        (desk.folder / "alice.pem.new").unlink()
        with desk.files.changing():
            pass
        assert desk.pair_fits("alice")
        assert not list(desk.folder.glob("*.new"))

    def test_a_certificate_whose_files_were_never_written_is_in_the_index_and_can_be_revoked(
        self, tmp_path: Path
    ) -> None:
        class Files(PkiFiles):
            def write_leaf(self, name: str, certificate: x509.Certificate, key: Key) -> None:
                raise _Crash(name, certificate, key)

        files = Files(tmp_path / "pki")
        pki = Pki(files, PkiInputs(lambda: START, lambda: 99, new_key))
        pki.init("test", 365)
        with pytest.raises(_Crash):
            pki.issue(ALICE)
        assert [line.serial for line in pki.revoke("alice")] == ["63"]

    def _stage_next(self, desk: Desk) -> None:
        """Create the state right after both files of a renewal were written."""
        other = Desk(desk.folder.parent / "other")
        other.pki.init("test", 365)
        other.pki.issue(ALICE)
        for file in ("alice.pem", "alice-key.pem"):
            (other.folder / file).rename(desk.folder / f"{file}.new")


def test_an_index_that_was_damaged_is_said_and_not_overwritten(desk: Desk) -> None:
    index = desk.folder / "index.json"
    for text in ("{", json.dumps({"issued": [{"name": "x"}]}), "[]"):
        index.write_text(text)
        with pytest.raises(ConfigError, match="cannot be understood"):
            desk.pki.issue(ALICE)
        assert index.read_text() == text


def test_a_damaged_ca_is_said(desk: Desk) -> None:
    (desk.folder / "ca-key.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match="cannot be used"):
        desk.pki.issue(ALICE)


# ── a key outside the folder, and declared certificates ──────────────────────────────────────────

LEAVES = (SERVE, ALICE)


class Drawer:
    """Fake store for the key of a CA."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, authority: CertificateAuthority) -> None:
        if self.text:
            raise Conflict("the drawer is full")
        self.text = ca_key.render(authority)


class Office(Desk):
    """CA with its key in a fake store."""

    def __init__(self, folder: Path, text: str) -> None:
        super().__init__(folder)
        self.files = PkiFiles(folder, ca_key=text)
        serials = itertools.count(0x2000)
        self.pki = Pki(self.files, PkiInputs(lambda: self.now, lambda: next(serials), new_key))

    def ensure(self, *leaves: LeafRequest) -> dict[str, str]:
        return {done.name: done.reason for done in self.pki.ensure(leaves or LEAVES)}


@pytest.fixture
def drawer(tmp_path: Path) -> Drawer:
    drawer, desk = Drawer(), Desk(tmp_path / "workstation")
    desk.pki.init("test", 365, drawer)
    assert {p.name for p in desk.folder.iterdir()} == {"ca.pem", "denylist", ".lock"}
    return drawer


@pytest.fixture
def office(tmp_path: Path, drawer: Drawer) -> Office:
    return Office(tmp_path / "certs", drawer.text)


def test_an_empty_folder_is_filled_by_the_key_alone_and_never_holds_it(
    office: Office, tmp_path: Path
) -> None:
    assert office.ensure() == {"serve": "missing", "alice": "missing"}
    assert (office.folder / "ca.pem").read_bytes() == (
        tmp_path / "workstation" / "ca.pem"
    ).read_bytes()
    assert office.pair_fits("serve")
    assert not (office.folder / "ca-key.pem").exists()
    key = office.files.authority().key.private_numbers().private_value.to_bytes(32, "big")
    assert not any(key in load_der(path) for path in office.folder.glob("*-key.pem"))


def load_der(path: Path) -> bytes:
    key = load_pem_private_key(path.read_bytes(), None)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_what_is_right_stays_as_it_is(office: Office) -> None:
    office.ensure()
    before = {p.name: p.read_bytes() for p in office.folder.iterdir()}
    assert office.ensure() == {"serve": "valid", "alice": "valid"}
    assert {p.name: p.read_bytes() for p in office.folder.iterdir()} == before


def test_what_is_due_revoked_changed_or_gone_is_issued_again(office: Office) -> None:
    office.ensure()
    office.pki.revoke("alice")
    assert office.ensure() == {"serve": "valid", "alice": "revoked"}
    more = replace(SERVE, sans=("127.0.0.1", "serve.internal"))
    assert office.ensure(more, ALICE) == {"serve": "changed", "alice": "valid"}
    assert office.ensure(more, replace(ALICE, kind=Role.VIEWER)) == {
        "serve": "valid",
        "alice": "changed",
    }
    (office.folder / "serve-key.pem").unlink()
    assert office.ensure(more) == {"serve": "its files are gone"}
    assert office.pair_fits("serve")
    office.now += timedelta(days=21)
    assert office.ensure(more) == {"serve": "due"}


def test_a_part_finds_its_own_keys_in_its_folder_and_no_others(office: Office) -> None:
    office.pki.ensure(LEAVES, {"serve": "front"})
    assert {p.name for p in (office.folder / "front").iterdir()} == {
        "serve.pem",
        "serve-key.pem",
        "ca.pem",
        "denylist",
    }
    assert (office.folder / "front").stat().st_mode & 0o777 == 0o700
    assert {p.name for p in office.folder.glob("*-key.pem")} == {"alice-key.pem"}
    context = ssl.create_default_context(cafile=str(office.folder / "front" / "ca.pem"))
    context.load_cert_chain(
        office.folder / "front" / "serve.pem", office.folder / "front" / "serve-key.pem"
    )
    before = {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (office.folder / "front").iterdir()
    }
    assert [done.reason for done in office.pki.ensure(LEAVES, {"serve": "front"})] == [
        "valid",
        "valid",
    ]
    assert {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (office.folder / "front").iterdir()
    } == before


def test_another_process_finds_where_a_part_has_its_files(office: Office, drawer: Drawer) -> None:
    """A person on the bastion names no parts.

    Renewed certificates stay in their folders, and each part gets the new deny list.
    """
    office.pki.ensure(LEAVES, {"serve": "front", "alice": "back"})
    person = Office(office.folder, drawer.text)
    (renewal,) = person.pki.renew(["serve"], force=True)
    assert renewal.renewed is not None
    text = (office.folder / "front" / "serve.pem").read_bytes()
    assert format(x509.load_pem_x509_certificate(text).serial_number, "x") == renewal.renewed.serial
    assert not (office.folder / "serve.pem").exists()
    (revoked,) = person.pki.revoke("alice")
    for part in ("front", "back"):
        assert DenyListFile(office.folder / part / "denylist").denies(revoked.serial)
    person.now += timedelta(seconds=1)
    issued = person.pki.issue(ALICE)
    text = (person.pki.folder_of("alice") / "alice.pem").read_bytes()
    assert x509.load_pem_x509_certificate(text).not_valid_before_utc == issued.not_before
    assert person.pki.folder_of("alice") == office.folder / "back"


def test_files_move_when_their_part_gets_a_folder_and_nothing_is_issued_for_it(
    office: Office, drawer: Drawer
) -> None:
    office.ensure()
    before = (
        (office.folder / "serve.pem").read_bytes(),
        (office.folder / "serve-key.pem").read_bytes(),
    )
    (office.folder / "serve.p12").write_bytes(b"old")
    assert [done.reason for done in office.pki.ensure([SERVE], {"serve": "front"})] == ["valid"]
    front = office.folder / "front"
    assert ((front / "serve.pem").read_bytes(), (front / "serve-key.pem").read_bytes()) == before
    assert (front / "serve.p12").read_bytes() == b"old"
    assert not list(office.folder.glob("serve*"))
    (front / "serve.pem").rename(office.folder / "serve.pem")  # as after an interrupted move
    again = Office(office.folder, drawer.text)
    assert [done.reason for done in again.pki.ensure([SERVE], {"serve": "front"})] == ["valid"]
    assert (front / "serve.pem").read_bytes() == before[0]


def test_a_crash_while_a_parts_certificate_is_written_is_finished(
    office: Office, drawer: Drawer
) -> None:
    office.pki.ensure([SERVE], {"serve": "front"})
    front = office.folder / "front"
    for file in ("serve-key.pem", "serve.pem"):
        (front / file).rename(front / f"{file}.new")
    assert [
        done.reason
        for done in Office(office.folder, drawer.text).pki.ensure([SERVE], {"serve": "front"})
    ] == ["valid"]
    assert {p.name for p in front.iterdir()} == {"serve.pem", "serve-key.pem", "ca.pem", "denylist"}


@pytest.mark.parametrize("part", ["..", "../other", "/tmp", ".hidden", "ca"])
def test_a_part_never_leaves_the_folder(office: Office, part: str) -> None:
    before = sorted(office.folder.parent.rglob("*"))
    with pytest.raises(InvalidInput):
        office.pki.ensure([SERVE], {"serve": part})
    assert sorted(office.folder.parent.rglob("*")) == before


def test_a_name_that_comes_twice_and_a_key_of_another_ca_are_refused(
    office: Office, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="alice: asked for twice"):
        office.ensure(ALICE, SERVE, ALICE)
    office.ensure()
    other = Drawer()
    Desk(tmp_path / "other").pki.init("other", 365, other)
    with pytest.raises(ConfigError, match="does not belong to the CA"):
        Office(office.folder, other.text).ensure()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        Office(office.folder, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n").ensure()
    assert "c2VjcmV0" not in f"{caught.value} {caught.value.hint}"


def test_a_bare_key_needs_the_certificate_in_the_folder(office: Office, drawer: Drawer) -> None:
    bare = drawer.text[: drawer.text.index("-----BEGIN CERTIFICATE")]
    with pytest.raises(NotFound, match="no CA in"):
        Office(office.folder, bare).ensure()
    office.ensure()
    assert Office(office.folder, bare).ensure() == {"serve": "valid", "alice": "valid"}


def test_the_next_ca_is_trusted_everywhere_before_it_issues_anything(
    office: Office, tmp_path: Path
) -> None:
    office.pki.ensure(LEAVES, {"serve": "front"})
    before = (office.folder / "ca.pem").read_bytes()
    following, workstation = Drawer(), Desk(tmp_path / "next")
    workstation.pki.init("next", 365, following)
    pem = (workstation.folder / "ca.pem").read_bytes()
    with capture_logs() as lines:
        serials = {office.pki.trust(pem) for _ in range(2)}
    (trusted,) = lines_about("pki", lines)
    assert trusted["event"] == "pki.ca_trusted"
    assert serials == {trusted["serial"]}
    for folder in (office.folder, office.folder / "front"):
        assert (folder / "ca.pem").read_bytes() == before + pem
    after = Office(office.folder, following.text)
    after.now += timedelta(days=25)
    assert after.ensure() == {"serve": "due", "alice": "due"}
    (old, new) = x509.load_pem_x509_certificates((office.folder / "front/ca.pem").read_bytes())
    leaf = x509.load_pem_x509_certificate((office.folder / "front" / "serve.pem").read_bytes())
    leaf.verify_directly_issued_by(new)
    assert office.ensure() == {"serve": "valid", "alice": "valid"}, "the old key can still be used"
    assert old.subject != new.subject


def test_only_a_ca_that_is_valid_is_trusted(office: Office, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no CA in"):
        office.pki.trust(_ca_of(Desk(tmp_path / "early")))
    office.ensure()
    before = (office.folder / "ca.pem").read_bytes()
    other = Desk(tmp_path / "other")
    pem = _ca_of(other)
    other.pki.issue(ALICE)
    for text, reason in (
        (b"nonsense", "not the certificate of one CA"),
        (pem + pem, "not the certificate of one CA"),
        ((other.folder / "alice.pem").read_bytes(), "not that of a CA"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            office.pki.trust(text)
    office.now += timedelta(days=365)
    with pytest.raises(InvalidInput, match="has expired"):
        office.pki.trust(pem)
    assert (office.folder / "ca.pem").read_bytes() == before


def _ca_of(desk: Desk) -> bytes:
    desk.pki.init("other", 365)
    return (desk.folder / "ca.pem").read_bytes()


def test_a_spoilt_certificate_of_the_ca_is_named(office: Office) -> None:
    office.ensure()
    (office.folder / "ca.pem").write_text("spoilt")
    with pytest.raises(ConfigError, match=r"ca\.pem is not a certificate"):
        office.ensure()


def test_foreign_files_are_never_overwritten(office: Office) -> None:
    office.folder.mkdir(mode=0o700)
    (office.folder / "serve.pem").write_text("foreign")
    with pytest.raises(Conflict, match="no certificate in the index"):
        office.ensure()


def test_a_full_drawer_leaves_no_ca_behind(tmp_path: Path, drawer: Drawer) -> None:
    desk = Desk(tmp_path / "second")
    with pytest.raises(Conflict, match="full"):
        desk.pki.init("second", 365, drawer)
    assert not (desk.folder / "ca.pem").exists()
    desk.pki.init("second", 365, Drawer())
    with pytest.raises(Conflict, match="there is a CA"):
        desk.pki.init("third", 365, Drawer())


def test_the_days_left_are_logged_for_alarms(office: Office) -> None:
    with capture_logs() as lines:
        office.ensure()
    days_left = {line["name"]: line["days"] for line in lines if line["event"] == "pki.standing"}
    assert days_left == {"ca": 365, "serve": 30, "alice": 30}
