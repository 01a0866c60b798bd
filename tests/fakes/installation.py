"""An installation in memory, in which everything is in order."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from gromit.core.doctor.capacity import PlatformLoad, SubnetAddresses
from gromit.core.doctor.certificates import PemBundle
from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    ExpectedInstallation,
    RegistryFacts,
    ServeIdentity,
    WorkspaceFacts,
    ZoneFacts,
)
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota, QuotaThresholds, QuotaUsage
from gromit.core.doctor.rights import Permission
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.security.certificates import Kind, LeafRequest, issue, make_ca
from gromit.core.security.roles import Role
from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import SecretState, SecretStatus
from tests.fakes.authority import new_key
from tests.fakes.platform import PLATFORM

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNT = "123456789012"
ROOT = "/config"

EXPECTED = ExpectedInstallation(
    account=ACCOUNT,
    region=PLATFORM.region,
    key_pair="platform-team",
    state_bucket="states",
    base="base-prod",
    infra="infra-prod",
    workspaces=("backup-prod", "delegation-prod"),
    organization="example",
    has_cloud_token=True,
    table="environments",
    registry_id=None,
    platform="/gromit/platform",
    zone_id="Z1",
    serve_url="https://serve.internal",
    root=ROOT,
    quotas=QuotaThresholds(80, None),
)
"""The installation below, with every setting set; use `dataclasses.replace` to differ."""

_SERVERS = frozenset({"ns-1.awsdns-1.com", "ns-2.awsdns-2.net"})
_KEY = new_key()
_CA = make_ca(new_key(), name="ca", serial=1, now=NOW, days=100)


def pem_bundle(subject: str, kind: Kind) -> PemBundle:
    """A certificate of the CA below, issued at `NOW` for 30 days."""
    request = LeafRequest(name=subject, kind=kind, days=30)
    certificate = issue(_CA, request, _KEY.public_key(), serial=2, now=NOW)
    return PemBundle(
        subject,
        certificate.public_bytes(Encoding.PEM).decode(),
        _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        CA_PEM,
    )


CA_PEM = _CA.certificate.public_bytes(Encoding.PEM).decode()

HEALTHY: Mapping[str, Any] = {
    "identity": AwsIdentity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice"),
    "region": PLATFORM.region,
    "has_key_pair": True,
    "state_bucket": BucketFacts(name="states", versioned=True, encrypted=True, closed=True),
    "workspace": WorkspaceFacts("base-prod", "local", is_applied=True, resources=12),
    "registry": RegistryFacts("tyk", exists=True, default_tag="master", has_default=True),
    "secrets": {},
    "table_lacks": (),
    "platform": PLATFORM,
    "vpc_problems": {},
    "subnet_problems": {},
    "namespace_problems": {},
    "file_system_problems": {},
    "role_problems": {},
    "zone": ZoneFacts("Z1", "dev.example.com", _SERVERS, private=False),
    "domain": "dev.example.com",
    "name_servers": _SERVERS,
    "installations": {"": 2},
    "has_address": True,
    "certificate": {
        "ca": PemBundle("ca", CA_PEM, None, CA_PEM),
        "serve": pem_bundle("serve", "server"),
        "client": pem_bundle("client", Role.OPERATOR),
    },
    "serve_identity": ServeIdentity("https://serve.internal", "alice", "operator"),
    "terraform": "terraform 1.11.4, with AWS provider 5.100.0",
    "has_config_root": True,
    "suspension": None,
    "simulate_role": {},
    "quota_usages": {q: QuotaUsage(limit.limit, 0) for q, limit in DEFAULT_LIMITS.items()},
    "environments": 0,
    "subnet_addresses": {
        subnet: SubnetAddresses(4091, 4091)
        for subnet in (*PLATFORM.public_subnets, *PLATFORM.private_subnets)
    },
    "quota_failures": {},
    "platform_load": PlatformLoad(CpuUse(3.5, 50.0), {"sow": MemoryUse(900.0, 4096.0)}),
}
"""Fact of each method of the port. `simulate_role` has only answers that are not as expected."""


class FakeInstallation:
    """The port `InstallationFacts`: returns the facts of a test, and raises errors among them."""

    def __init__(self, **facts: Any) -> None:
        self.facts = {**HEALTHY, **facts}
        self.asked: dict[str, list[tuple[str, ...]]] = {}
        """Arguments of all calls of each method."""

    def identity(self) -> AwsIdentity:
        """Identity of the facts."""
        fact: AwsIdentity = self._fact("identity")
        return fact

    def region(self) -> str:
        """Region of the facts."""
        fact: str = self._fact("region")
        return fact

    def has_key_pair(self, name: str) -> bool:
        """Whether the facts have a key pair."""
        fact: bool = self._fact("has_key_pair", name)
        return fact

    def state_bucket(self) -> BucketFacts:
        """State bucket of the facts."""
        fact: BucketFacts = self._fact("state_bucket")
        return fact

    def workspace(self, name: str) -> WorkspaceFacts:
        """Workspace of the facts."""
        fact: WorkspaceFacts = replace(self._fact("workspace", name), name=name)
        return fact

    def registry(self, repository: str, default_tag: str) -> RegistryFacts:
        """Registry of the facts."""
        fact: RegistryFacts = replace(
            self._fact("registry", repository, default_tag), repository=repository
        )
        return fact

    def secrets(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """States of the facts; every other secret has a value."""
        fact: Mapping[str, SecretState] = self._fact("secrets", *ids)
        return {**dict.fromkeys(ids, SecretState(SecretStatus.SET, "arn", "1")), **fact}

    def table_lacks(self) -> Collection[str]:
        """Missing parts of the table, of the facts."""
        fact: Collection[str] = self._fact("table_lacks")
        return fact

    def platform(self) -> Platform:
        """Platform of the facts."""
        fact: Platform = self._fact("platform")
        return fact

    def vpc_problems(self) -> Mapping[str, str]:
        """Vpc problems of the facts."""
        fact: Mapping[str, str] = self._fact("vpc_problems")
        return fact

    def subnet_problems(self) -> Mapping[str, str]:
        """Subnet problems of the facts."""
        fact: Mapping[str, str] = self._fact("subnet_problems")
        return fact

    def namespace_problems(self) -> Mapping[str, str]:
        """Namespace problems of the facts."""
        fact: Mapping[str, str] = self._fact("namespace_problems")
        return fact

    def file_system_problems(self) -> Mapping[str, str]:
        """File system problems of the facts."""
        fact: Mapping[str, str] = self._fact("file_system_problems")
        return fact

    def role_problems(self) -> Mapping[str, str]:
        """Role problems of the facts."""
        fact: Mapping[str, str] = self._fact("role_problems")
        return fact

    def zone(self, zone_id: str) -> ZoneFacts:
        """Zone of the facts."""
        fact: ZoneFacts = replace(self._fact("zone", zone_id), id=zone_id)
        return fact

    def installations(self, zone_id: str, domain: str) -> Mapping[str, int]:
        """Installations of the facts."""
        fact: Mapping[str, int] = self._fact("installations", zone_id, domain)
        return fact

    def domain(self) -> str:
        """Domain of the facts."""
        fact: str = self._fact("domain")
        return fact

    def has_address(self, name: str) -> bool:
        """Address of the facts."""
        fact: bool = self._fact("has_address", name)
        return fact

    def name_servers(self, domain: str) -> Collection[str]:
        """Name servers of the facts."""
        fact: Collection[str] = self._fact("name_servers", domain)
        return fact

    def certificate(self, subject: str) -> PemBundle | None:
        """Certificate of the facts."""
        fact: PemBundle | None = self._fact("certificate", subject).get(subject)
        return fact

    def serve_identity(self) -> ServeIdentity:
        """Serve identity of the facts."""
        fact: ServeIdentity = self._fact("serve_identity")
        return fact

    def terraform(self) -> str:
        """Program of the facts."""
        found: str = self._fact("terraform")
        return found

    def has_config_root(self) -> bool:
        """Whether the facts have a config root."""
        fact: bool = self._fact("has_config_root")
        return fact

    def suspension(self) -> str | None:
        """Suspension of the facts."""
        fact: str | None = self._fact("suspension")
        return fact

    def simulate_role(
        self, role: str, permissions: Collection[Permission]
    ) -> Mapping[tuple[str, str], bool] | None:
        """Answers as expected, but for those of the test."""
        different: Mapping[tuple[str, str], bool] | None = self._fact("simulate_role", role)
        if different is None:
            return None
        expected = {(a, p.resource): p.allowed for p in permissions for a in p.actions}
        return {**expected, **different}

    def quota_usages(self) -> Mapping[Quota, QuotaUsage]:
        """Quota usages of the facts."""
        fact: Mapping[Quota, QuotaUsage] = self._fact("quota_usages")
        return fact

    def subnet_addresses(self) -> Mapping[str, SubnetAddresses]:
        """Addresses of the facts."""
        fact: Mapping[str, SubnetAddresses] = self._fact("subnet_addresses")
        return fact

    def quota_failures(self) -> Mapping[str, tuple[str, str]]:
        """Failures of the facts."""
        fact: Mapping[str, tuple[str, str]] = self._fact("quota_failures")
        return fact

    def platform_load(self) -> PlatformLoad:
        """Load of the facts."""
        fact: PlatformLoad = self._fact("platform_load")
        return fact

    def environments(self) -> int:
        """Number of environments of the facts."""
        fact: int = self._fact("environments")
        return fact

    def _fact(self, name: str, *arguments: str) -> Any:
        self.asked.setdefault(name, []).append(arguments)
        fact = self.facts[name]
        if isinstance(fact, Exception):
            raise fact
        return fact
