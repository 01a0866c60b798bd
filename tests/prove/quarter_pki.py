"""The CA of an installation in time: pki with its files and keys, and the person who replaces it.

What each part has is looked at as OpenSSL and the part's peers see it: its newest certificate must
come from a CA that all parts trust, and none of both may have expired.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from gromit.adapters.security.ca_key import render
from gromit.adapters.security.pki_files import PkiFiles
from gromit.core.security.certificates import CertificateAuthority, LeafRequest
from gromit.core.security.roles import Role
from gromit.services.pki import Pki, PkiInputs
from tests.fakes.authority import new_key
from tests.prove.installation import SETTINGS

LEAVES = (
    LeafRequest(name="serve", kind="server", days=SETTINGS.pki.leaf_days),
    *(
        LeafRequest(name=role.value, kind=role, days=SETTINGS.pki.leaf_days)
        for role in (Role.GATEWAY, Role.WORKER, Role.OPERATOR)
    ),
)
"""Certificates that pki renews."""
PARTS = {"serve": "serve", "gateway": "gateway", "worker": "worker"}
"""Name to the folder of its part."""


@dataclass
class _Secret:
    """Secret with the key of the CA."""

    text: str = ""

    def put(self, authority: CertificateAuthority) -> None:
        self.text = render(authority)


@dataclass
class Certificates:
    """Folder of the CA, its key, and what a person does to both."""

    folder: Path
    now: Callable[[], datetime]
    renewed: int = 0
    """Certificates that pki has renewed."""
    issuers: set[str] = field(default_factory=set)
    """CAs that have issued certificates of parts."""
    _secret: _Secret = field(default_factory=_Secret)
    _next: _Secret = field(default_factory=_Secret)
    """Key of the next CA, before it is in use."""

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        self._inputs = PkiInputs(self.now, lambda: next(numbers), new_key)

    def create(self, days: int) -> None:
        """Create the CA on a workstation, and issue the first certificates."""
        self._create("first", days, self._secret)
        self.ensure()

    def ensure(self) -> None:
        """Do pki's daily run."""
        done = self._pki().ensure(LEAVES, PARTS)
        self.renewed += sum(each.reason == "due" for each in done)

    def trust_next(self) -> None:
        """Create the next CA on a workstation, and let all parts accept it."""
        self._pki().trust(self._create("next", SETTINGS.pki.ca_days, self._next))

    def use_next(self) -> None:
        """Store the key of the next CA."""
        self._secret = self._next

    def problems(self) -> Iterator[str]:
        """Yield the parts whose certificate is not accepted by all others, with the reasons."""
        trusted = [self._trusted(part) for part in PARTS.values()]
        for leaf in LEAVES:
            path = self._pki().folder_of(leaf.name) / f"{leaf.name}.pem"
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            self.issuers.add(certificate.issuer.rfc4514_string())
            if not self._is_valid(certificate):
                yield f"the certificate of {leaf.name} has expired"
            elif not all(self._accepts(cas, certificate) for cas in trusted):
                yield f"a part does not accept the certificate of {leaf.name}"

    def _create(self, name: str, days: int, secret: _Secret) -> bytes:
        folder = self.folder / name
        Pki(PkiFiles(folder), self._inputs).init(name, days, secret)
        return (folder / "ca.pem").read_bytes()

    def _pki(self) -> Pki:
        return Pki(PkiFiles(self.folder / "pki", ca_key=self._secret.text), self._inputs)

    def _trusted(self, part: str) -> list[x509.Certificate]:
        text = (self.folder / "pki" / part / "ca.pem").read_bytes()
        return x509.load_pem_x509_certificates(text)

    def _accepts(self, cas: list[x509.Certificate], leaf: x509.Certificate) -> bool:
        return any(self._is_valid(ca) and _has_issued(ca, leaf) for ca in cas)

    def _is_valid(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= self.now() < certificate.not_valid_after_utc


def _has_issued(ca: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (ValueError, InvalidSignature):
        return False
    return True
