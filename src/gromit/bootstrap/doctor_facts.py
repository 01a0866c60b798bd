"""Facts about an installation, from AWS, Terraform Cloud, serve, DNS and this machine."""

import os
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime

from gromit.adapters.doctor.dns_lookup import get_name_servers, has_address
from gromit.adapters.doctor.facts import AwsFacts
from gromit.bootstrap.aws_session import paced_session
from gromit.bootstrap.clients import has_serve, serve_client
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import domain
from gromit.bootstrap.terraform import describe_terraform
from gromit.config.schema import Settings
from gromit.core.doctor.capacity import PlatformLoad
from gromit.core.doctor.certificates import PemBundle
from gromit.core.doctor.installation import ExpectedInstallation, ServeIdentity, WorkspaceFacts
from gromit.core.environments.failures import quota_of
from gromit.core.load import CpuUse, MemoryUse
from gromit.errors import Suspended
from gromit.web.clients.environments import ServeEnvironments
from gromit.web.clients.terraform_cloud import TerraformCloud, new_client
from gromit.web.tls import read_pem


class ComposedFacts(AwsFacts):
    """The port `InstallationFacts`: AWS answers by inheritance, all others here."""

    def __init__(self, settings: Settings, expected: ExpectedInstallation) -> None:
        super().__init__(lambda: paced_session(settings), expected, lambda: datetime.now(UTC))
        self._settings = settings
        self._load: PlatformLoad | None = None

    def workspace(self, name: str) -> WorkspaceFacts:
        """A workspace, from Terraform Cloud's API."""
        token = os.environ.get("TF_API_TOKEN", "").strip()
        with closing(new_client(self._settings.doctor.terraform_cloud, token)) as http:
            return TerraformCloud(http, self._expected.organization).workspace(name)

    def terraform(self) -> str:
        """Program and provider that a worker on this machine would use."""
        return describe_terraform(self._settings)

    def domain(self) -> str:
        """Domain of the settings."""
        return domain(self._settings)

    def name_servers(self, domain: str) -> Collection[str]:
        """Name servers, from `doctor.resolver` or this machine's resolver."""
        return get_name_servers(domain, self._settings.doctor.resolver)

    def has_address(self, name: str) -> bool:
        """Whether a name has an address, from the same resolver."""
        return has_address(name, self._settings.doctor.resolver)

    def certificate(self, subject: str) -> PemBundle | None:
        """PEM texts of the settings, or of the files that they name."""
        settings = self._settings
        if subject == "ca":
            cert, key = settings.ca, None
        else:
            group = settings.serve if subject == "serve" else settings.client
            cert, key = group.cert, group.key
        if cert is None:
            return None
        return PemBundle(
            subject,
            read_pem(cert, f"certificate of {subject}"),
            read_pem(key.get_secret_value(), f"private key of {subject}") if key else None,
            read_pem(settings.ca, "CA certificate") if settings.ca else None,
        )

    def serve_identity(self) -> ServeIdentity:
        """Identity that serve reads from the client certificate."""
        with closing(serve_client(self._settings)) as client:
            return client.caller()

    def has_config_root(self) -> bool:
        """Whether the folder exists here."""
        try:
            return self._settings.root.exists()
        except OSError:
            return True  # reading the suspension reports the reason

    def suspension(self) -> str | None:
        """Suspension in the config tree, or at serve."""
        found = config_root(self._settings.root).suspension()
        if found is not None or not has_serve(self._settings):
            return None if found is None else str(found)
        try:
            with closing(serve_client(self._settings)) as serve:
                serve.check_suspension()
        except Suspended as halt:
            return halt.message.removeprefix("processing is ")
        return None

    def quota_failures(self) -> Mapping[str, tuple[str, str]]:
        """Quotas of failed environments, from serve."""
        with closing(serve_client(self._settings)) as serve:
            failed = [e for page in serve.listing(phase="failed") for e in page["environments"]]
        hits = {e["name"]: quota_of(e["error"]) for e in failed if e["error"]}
        return {name: (hit.quota.name, hit.remedy) for name, hit in hits.items() if hit}

    def platform_load(self) -> PlatformLoad:
        """Load of gromit's processes, from serve; nothing from one of an earlier release."""
        if self._load is None:
            with closing(serve_client(self._settings)) as serve:
                found = serve.get("/v1/platform")
            cpu, memories = found.get("cpu"), found.get("memories", {})
            self._load = PlatformLoad(
                CpuUse(cpu["percent"], cpu["limit_percent"]) if cpu else None,
                {part: MemoryUse(m["peak_mb"], m["limit_mb"]) for part, m in memories.items()},
            )
        return self._load

    def environments(self) -> int:
        """Number of environments, from serve. One whose row cannot be read may be up."""
        desired = ServeEnvironments(serve_client(self._settings)).desired()
        return sum(is_up is not False for is_up in desired.values())
