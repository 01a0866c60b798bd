"""The doctor: which looks there are, and what they look at."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from gromit.bootstrap.backends import config_root, configured_catalogue, session
from gromit.bootstrap.clients import desired_environments, serve_client
from gromit.bootstrap.doctor_aws import AwsFacts, quota_findings, rights_findings
from gromit.bootstrap.machine import domain
from gromit.core.doctor.findings import Check, Finding, ok, skipped, wrong
from gromit.services.doctor import Doctor, DoctorCheck

if TYPE_CHECKING:
    from gromit.config.schema import Settings
    from gromit.core.doctor.installation import WorkspaceFacts
    from gromit.core.stack.catalogue import Catalogue
    from gromit.ports import Progress

CheckFunction = Callable[[], Sequence[Finding]]


def doctor(settings: "Settings", tell: "Progress") -> Doctor:
    """The doctor of an installation on AWS. Nothing is looked at before it examines."""
    known, account = configured_catalogue(settings), AwsFacts(settings)
    return Doctor(
        [
            *_identity(settings, account),
            *_states(settings, account),
            *_registries(settings, account, known),
            *_platform(account),
            *_zone(settings, account),
            *_certificates(settings),
            *_installation(settings),
            DoctorCheck(
                check=Check.RIGHTS,
                look=partial(rights_findings, settings, account, known),
                needs=(Check.IDENTITY, Check.PLATFORM, Check.ZONE),
                excused=True,
            ),
            DoctorCheck(
                check=Check.QUOTA,
                look=partial(quota_findings, account, known, partial(_environments, settings)),
                needs=(Check.IDENTITY,),
                excused=True,
            ),
        ],
        tell,
    )


def _on_aws(check: Check, look: CheckFunction, *needs: Check, subject: str = "") -> DoctorCheck:
    return DoctorCheck(check=check, look=look, needs=(Check.IDENTITY, *needs), subject=subject)


def _identity(settings: "Settings", account: AwsFacts) -> Iterator[DoctorCheck]:
    from gromit.core.doctor.installation import judge_account, judge_key_pair, judge_region

    expected = settings.doctor
    yield DoctorCheck(check=Check.IDENTITY, look=lambda: [ok(Check.IDENTITY, account.identity.arn)])
    yield _on_aws(Check.ACCOUNT, lambda: [judge_account(account.identity, expected.account)])
    yield _on_aws(Check.REGION, lambda: [judge_region(session().region_name, expected.region)])

    def key_pair() -> list[Finding]:
        if (name := expected.key_pair) is None:
            return [skipped(Check.KEY_PAIR, "doctor.key_pair is not set")]
        return [judge_key_pair(name, exists=account.has_key_pair(name))]

    yield _on_aws(Check.KEY_PAIR, key_pair, subject=expected.key_pair or "")


def _states(settings: "Settings", account: AwsFacts) -> Iterator[DoctorCheck]:
    from gromit.core.doctor.installation import judge_bucket

    yield _on_aws(
        Check.STATE_BUCKET, lambda: [judge_bucket(account.bucket())], subject=settings.state.bucket
    )
    for check, name, variable in (
        (Check.STATE_BASE, settings.base, "GROMIT_BASE"),
        (Check.STATE_INFRA, settings.infra, "GROMIT_INFRA"),
    ):
        yield DoctorCheck(
            check=check,
            look=partial(_workspace_findings, settings, check, name, variable),
            subject=name or "",
        )


def _workspace_findings(
    settings: "Settings", check: Check, name: str | None, variable: str
) -> list[Finding]:
    from gromit.core.doctor.installation import judge_workspace

    told = {
        variable: name,
        "TF_CLOUD_ORGANIZATION": _variable("TF_CLOUD_ORGANIZATION"),
        "TF_API_TOKEN": _variable("TF_API_TOKEN"),
    }
    if missing := [variable for variable, value in told.items() if not value]:
        return [skipped(check, f"not set: {', '.join(missing)}", name or "")]
    return [judge_workspace(check, _workspace(settings, str(name)))]


def _workspace(settings: "Settings", name: str) -> "WorkspaceFacts":
    from gromit.web.clients.terraform_cloud import TerraformCloud, new_client

    with closing(new_client(settings.doctor.terraform_cloud, _variable("TF_API_TOKEN"))) as http:
        return TerraformCloud(http, _variable("TF_CLOUD_ORGANIZATION")).workspace(name)


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _registries(
    settings: "Settings", account: AwsFacts, known: "Catalogue"
) -> Iterator[DoctorCheck]:
    from gromit.core.doctor.installation import judge_registry, judge_table

    for repository in sorted({c.repository for c in known.components.values() if c.repository}):

        def look(repository: str = repository) -> list[Finding]:
            return [judge_registry(account.registry(repository, known.default_tag(repository)))]

        yield _on_aws(Check.REGISTRY, look, subject=repository)
    yield _on_aws(
        Check.TABLE,
        lambda: [judge_table(settings.tablename, account.table_lacks())],
        subject=settings.tablename,
    )


def _platform(account: AwsFacts) -> Iterator[DoctorCheck]:
    from gromit.adapters.doctor import platform as looks
    from gromit.core.doctor.installation import judge_ids, judge_platform

    def each(
        check: Check,
        wanted: Callable[[], Sequence[str]],
        problems: Callable[[], looks.ProblemsById],
    ) -> DoctorCheck:
        return _on_aws(check, lambda: [judge_ids(check, wanted(), problems())], Check.PLATFORM)

    name = account.settings.cluster.platform
    yield _on_aws(
        Check.PLATFORM,
        lambda: [judge_platform(account.platform, name, session().region_name)],
        subject=name,
    )
    yield each(
        Check.PLATFORM_VPC,
        lambda: [account.platform.vpc_id],
        lambda: looks.vpc_problems(account.client("ec2"), account.platform),
    )
    yield each(
        Check.PLATFORM_SUBNETS,
        lambda: [*account.platform.public_subnets, *account.platform.private_subnets],
        lambda: looks.subnet_problems(account.client("ec2"), account.platform),
    )
    yield each(
        Check.PLATFORM_NAMESPACE,
        lambda: [account.platform.namespace_id],
        lambda: looks.namespace_problems(account.client("servicediscovery"), account.platform),
    )
    yield each(
        Check.PLATFORM_FILES,
        lambda: [account.platform.file_system_id],
        lambda: looks.file_system_problems(account.client("efs"), account.platform),
    )
    yield each(
        Check.PLATFORM_ROLE,
        lambda: [account.platform.execution_role_arn],
        lambda: looks.role_problems(account.client("iam"), account.platform),
    )


def _zone(settings: "Settings", account: AwsFacts) -> Iterator[DoctorCheck]:
    from gromit.adapters.doctor.dns_lookup import get_name_servers
    from gromit.core.doctor.installation import judge_delegation, judge_zone

    zone_id = settings.cluster.zoneid
    if zone_id is None:
        unset = "cluster.zoneid is not set"
        yield DoctorCheck(check=Check.ZONE, look=lambda: [skipped(Check.ZONE, unset)])
        yield DoctorCheck(check=Check.DELEGATION, look=lambda: [skipped(Check.DELEGATION, unset)])
        return
    yield _on_aws(
        Check.ZONE, lambda: [judge_zone(account.zone(zone_id), domain(settings))], subject=zone_id
    )

    def delegation() -> list[Finding]:
        zone = account.zone(zone_id)
        return [judge_delegation(zone, get_name_servers(zone.name, settings.doctor.resolver))]

    yield _on_aws(Check.DELEGATION, delegation, Check.ZONE)


def _certificates(settings: "Settings") -> Iterator[DoctorCheck]:
    yield _certificate("ca", settings, settings.ca, None)
    for whose, group in (("serve", settings.serve), ("client", settings.client)):
        yield _certificate(
            whose, settings, group.cert, group.key.get_secret_value() if group.key else None
        )


def _certificate(
    whose: str, settings: "Settings", cert: str | None, key: str | None
) -> DoctorCheck:
    def look() -> list[Finding]:
        from gromit.core.doctor.certificates import PemBundle, judge_certificate
        from gromit.web.tls import read_pem

        if cert is None:
            return [
                skipped(
                    Check.CERTIFICATE,
                    f"{'ca' if whose == 'ca' else f'{whose}.cert'} is not set",
                    whose,
                )
            ]
        papers = PemBundle(
            whose,
            read_pem(cert, f"certificate of {whose}"),
            read_pem(key, f"private key of {whose}") if key else None,
            read_pem(settings.ca, "CA certificate") if settings.ca else None,
        )
        return [judge_certificate(papers, datetime.now(UTC))]

    return DoctorCheck(check=Check.CERTIFICATE, look=look, subject=whose)


def _installation(settings: "Settings") -> Iterator[DoctorCheck]:
    """serve, and the config volume as it is mounted here."""
    from gromit.core.doctor.installation import judge_serve_identity

    def serve() -> list[Finding]:
        if settings.serve.url is None:
            return [skipped(Check.SERVE, "serve.url is not set")]
        with closing(serve_client(settings)) as client:
            return [judge_serve_identity(client.caller())]

    yield DoctorCheck(check=Check.SERVE, look=serve, subject=settings.serve.url or "")
    root, subject = config_root(settings, settings.root), str(settings.root)

    def marker() -> list[Finding]:
        try:
            here = settings.root.exists()
        except OSError:
            here = True  # the look itself says what is wrong with it
        if not here:
            return [
                skipped(
                    Check.ROOT,
                    "it is not on this machine: look from where the config volume is mounted",
                    subject,
                )
            ]
        root.suspension()
        return [ok(Check.ROOT, "mounted, with its marker", subject)]

    def suspension() -> list[Finding]:
        if (found := root.suspension()) is None:
            return [ok(Check.SUSPENSION, "processing goes on", subject)]
        return [
            wrong(
                Check.SUSPENSION, str(found), f"`gromit resume {subject}`, if that is over", subject
            )
        ]

    yield DoctorCheck(check=Check.ROOT, look=marker, subject=subject)
    yield DoctorCheck(check=Check.SUSPENSION, look=suspension, needs=(Check.ROOT,), subject=subject)


def _environments(settings: "Settings") -> int:
    """How many environments are wanted, as serve says. Raises what keeps it from being asked."""
    return sum(desired_environments(settings).wanted().values())
