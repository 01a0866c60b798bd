"""Composition of `gromit doctor aws`."""

import os
from datetime import UTC, datetime

from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.doctor_facts import ComposedFacts
from gromit.config.schema import Settings
from gromit.core.doctor.installation import ExpectedInstallation
from gromit.core.doctor.quotas import QuotaThresholds
from gromit.core.rates.demand import Activity
from gromit.ports import Progress
from gromit.services.doctor import Doctor, InstallationChecks


def build_doctor(settings: Settings, progress: Progress) -> Doctor:
    """Build the doctor of an installation on AWS. It looks nothing up before it runs."""
    expected = _expected(settings)
    facts = ComposedFacts(settings, expected)
    checks = InstallationChecks(
        facts, expected, configured_catalogue(settings), lambda: datetime.now(UTC)
    )
    return Doctor(checks.checks(), progress)


def _expected(settings: Settings) -> ExpectedInstallation:
    doctor_settings = settings.doctor
    return ExpectedInstallation(
        installation=settings.installation,
        account=doctor_settings.account,
        region=doctor_settings.region,
        key_pair=doctor_settings.key_pair,
        state_bucket=settings.state.bucket,
        base=settings.base,
        infra=settings.infra,
        workspaces=doctor_settings.workspaces,
        organization=os.environ.get("TF_CLOUD_ORGANIZATION", "").strip(),
        has_cloud_token=bool(os.environ.get("TF_API_TOKEN", "").strip()),
        table=settings.tablename,
        registry_id=settings.registryid,
        platform=settings.cluster.platform,
        zone_id=settings.cluster.zoneid,
        serve_url=settings.serve.url,
        root=str(settings.root),
        roles=doctor_settings.roles,
        quotas=QuotaThresholds(
            doctor_settings.quota_percent,
            doctor_settings.environments,
            doctor_settings.warn_percent,
        ),
        activity=Activity(
            builds_per_hour=doctor_settings.builds,
            backstop_s=settings.dns.backstop.total_seconds(),
            pause_s=settings.dns.pause.total_seconds(),
        ),
    )
