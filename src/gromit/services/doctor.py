"""The doctor: checks an installation and reports one or more findings for each check.

A check that cannot run never prevents the others from running. Nothing is changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from gromit.core.doctor.certificates import judge_certificate
from gromit.core.doctor.exec_findings import judge_exec
from gromit.core.doctor.findings import (
    Check,
    Finding,
    FindingStatus,
    judge_account,
    judge_bucket,
    judge_delegation,
    judge_ids,
    judge_key_pair,
    judge_platform,
    judge_region,
    judge_registry,
    judge_serve_identity,
    judge_table,
    judge_zone,
    ok,
    skipped,
    wrong,
)
from gromit.core.doctor.installation import ExpectedInstallation
from gromit.core.doctor.neighbours import judge_neighbours
from gromit.core.doctor.quota_findings import judge_quotas
from gromit.core.doctor.quotas import Quota, per_environment, quota_headrooms
from gromit.core.doctor.rights import (
    ControlPlanePart,
    SimulatedRole,
    default_role_name,
    expected_permissions,
    judge_permissions,
    parse_roles,
    resource_arns,
)
from gromit.core.doctor.secrets import judge_secrets
from gromit.core.doctor.workspaces import judge_workspace
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.config_templates import mongo_users
from gromit.core.stack.contract import Platform, platform_roles
from gromit.core.stack.secret_sources import secret_ids
from gromit.core.stack.secrets import MISSING_SECRET
from gromit.errors import BackendError, ConfigError, GromitError
from gromit.ports import Progress
from gromit.ports.installation import InstallationFacts
from gromit.services.capacity_checks import CapacityChecks
from gromit.services.doctor_check import DoctorCheck, on_aws

log = structlog.get_logger(__name__)

_Ids = Callable[[Platform], Sequence[str]]
_Problems = Callable[[], Mapping[str, str]]

_NO_HINT = "fix what the message names"


class Doctor:
    """Runs checks in order."""

    def __init__(self, checks: Sequence[DoctorCheck], progress: Progress) -> None:
        self._checks = checks
        self._progress = progress

    def run_checks(self) -> list[Finding]:
        """Return all findings. Wrong ones, and figures of quotas, are logged for alarms."""
        findings: list[Finding] = []
        for check in self._checks:
            self._progress(f"checking {check.check} {check.subject}".rstrip())
            new = _blocked(check, findings) or _run_check(check)
            for finding in new:
                _log_finding(finding)
            findings += new
        log.info(
            "doctor.checked",
            findings=len(findings),
            wrong=sum(f.state is FindingStatus.WRONG for f in findings),
        )
        return findings


def _blocked(check: DoctorCheck, findings: Sequence[Finding]) -> list[Finding]:
    """Skip a check that needs others which are not ok; empty if it can run."""
    are_ok = {f.check for f in findings if f.state is FindingStatus.OK}
    are_wrong = {f.check for f in findings if f.state is FindingStatus.WRONG}
    # a check with several subjects counts as ok only if none of them is wrong
    missing = [need for need in check.needs if need not in are_ok - are_wrong]
    if not missing:
        return []
    reason = f"depends on checks that are not ok: {', '.join(missing)}"
    return [skipped(check.check, reason, check.subject)]


def _run_check(check: DoctorCheck) -> list[Finding]:
    try:
        return list(check.run())
    except GromitError as error:
        if check.optional and isinstance(error, BackendError):
            return [skipped(check.check, error.message, check.subject)]
        return [wrong(check.check, error.message, error.hint or _NO_HINT, check.subject)]
    except Exception:  # a bug of ours must not hide the findings of other checks
        log.exception("doctor.bug", check=str(check.check))
        remedy = "this is a bug in gromit; please report it with its lines of the log"
        return [wrong(check.check, "the check itself failed", remedy, check.subject)]


def _log_finding(finding: Finding) -> None:
    if finding.headroom is not None:
        headroom = finding.headroom
        log.info(
            "doctor.quota",
            quota=str(headroom.quota),
            used=headroom.used,
            limit=headroom.limit,
            percent=headroom.percent,
            environments=headroom.environments,
        )
    if finding.state is FindingStatus.WRONG:
        log.warning(
            "doctor.finding",
            check=str(finding.check),
            subject=finding.subject,
            seen=finding.observed,
            remedy=finding.remedy,
        )


class InstallationChecks:
    """All checks of an installation on AWS, in order. The core judges the facts."""

    def __init__(
        self,
        facts: InstallationFacts,
        expected: ExpectedInstallation,
        catalogue: Catalogue,
        now: Callable[[], datetime],
    ) -> None:
        self._facts = facts
        self._expected = expected
        self._catalogue = catalogue
        self._now = now
        self._capacity = CapacityChecks(facts, expected, catalogue)

    def checks(self) -> list[DoctorCheck]:
        """All checks in their order. Nothing is looked up before they run."""
        expected, root = self._expected, self._expected.root
        return [
            DoctorCheck(check=Check.IDENTITY, run=self._identity),
            on_aws(Check.ACCOUNT, self._account),
            on_aws(Check.REGION, self._region),
            on_aws(Check.KEY_PAIR, self._key_pair, subject=expected.key_pair or ""),
            on_aws(Check.STATE_BUCKET, self._state_bucket, subject=expected.state_bucket),
            self._workspace_check(Check.STATE_BASE, expected.base, "GROMIT_BASE"),
            self._workspace_check(Check.STATE_INFRA, expected.infra, "GROMIT_INFRA"),
            *self._other_workspace_checks(),
            *self._registry_checks(),
            on_aws(Check.SECRETS, self._secrets),
            on_aws(Check.TABLE, self._table, subject=expected.table),
            on_aws(Check.PLATFORM, self._platform, subject=expected.platform),
            *self._platform_checks(),
            *self._zone_checks(),
            *self._certificate_checks(),
            DoctorCheck(check=Check.SERVE, run=self._serve, subject=expected.serve_url or ""),
            DoctorCheck(check=Check.TERRAFORM, run=self._terraform),
            DoctorCheck(check=Check.ROOT, run=self._root, subject=root),
            DoctorCheck(
                check=Check.SUSPENSION, run=self._suspension, needs=(Check.ROOT,), subject=root
            ),
            on_aws(Check.RIGHTS, self._rights, Check.PLATFORM, Check.ZONE, optional=True),
            on_aws(Check.QUOTA, self._quotas, optional=True),
            *self._capacity.checks(self._environments),
        ]

    def _identity(self) -> list[Finding]:
        return [ok(Check.IDENTITY, self._facts.identity().arn)]

    def _account(self) -> list[Finding]:
        return [judge_account(self._facts.identity(), self._expected.account)]

    def _region(self) -> list[Finding]:
        return [judge_region(self._facts.region(), self._expected.region)]

    def _key_pair(self) -> list[Finding]:
        name = self._expected.key_pair
        if name is None:
            return [skipped(Check.KEY_PAIR, "doctor.key_pair is not set")]
        return [judge_key_pair(name, exists=self._facts.has_key_pair(name))]

    def _state_bucket(self) -> list[Finding]:
        return [judge_bucket(self._facts.state_bucket())]

    def _workspace_check(self, check: Check, name: str | None, variable: str) -> DoctorCheck:
        run = partial(self._workspace, check, name, variable)
        return DoctorCheck(check=check, run=run, subject=name or "")

    def _other_workspace_checks(self) -> Iterator[DoctorCheck]:
        for name in self._expected.workspaces or (None,):
            yield self._workspace_check(Check.STATE_OTHER, name, "GROMIT_DOCTOR_WORKSPACES")

    def _workspace(self, check: Check, name: str | None, variable: str) -> list[Finding]:
        required = {
            variable: name,
            "TF_CLOUD_ORGANIZATION": self._expected.organization,
            "TF_API_TOKEN": self._expected.has_cloud_token,
        }
        if missing := [variable for variable, value in required.items() if not value]:
            return [skipped(check, f"not set: {', '.join(missing)}", name or "")]
        return [judge_workspace(check, self._facts.workspace(str(name)))]

    def _registry_checks(self) -> Iterator[DoctorCheck]:
        components = self._catalogue.components.values()
        for repository in sorted({c.repository for c in components if c.repository}):
            yield on_aws(Check.REGISTRY, partial(self._registry, repository), subject=repository)

    def _registry(self, repository: str) -> list[Finding]:
        default_tag = self._catalogue.default_tag(repository)
        return [judge_registry(self._facts.registry(repository, default_tag))]

    def _secrets(self) -> list[Finding]:
        ids = secret_ids(self._catalogue)
        found = self._facts.secrets(sorted(set(ids.values()))) if ids else {}
        states = {source: found.get(known, MISSING_SECRET) for source, known in ids.items()}
        return judge_secrets(self._catalogue, states, self._environments())

    def _environments(self) -> int | None:
        """Number of environments; None if serve does not answer, which its own check reports."""
        try:
            return self._facts.environments()
        except GromitError:
            return None

    def _table(self) -> list[Finding]:
        return [judge_table(self._expected.table, self._facts.table_lacks())]

    def _platform(self) -> list[Finding]:
        facts = self._facts
        name, users = self._expected.platform, mongo_users(self._catalogue)
        return [judge_platform(facts.platform(), name, facts.region(), users)]

    def _platform_checks(self) -> Iterator[DoctorCheck]:
        facts = self._facts
        parts: list[tuple[Check, _Ids, _Problems]] = [
            (Check.PLATFORM_VPC, lambda p: [p.vpc_id], facts.vpc_problems),
            (
                Check.PLATFORM_SUBNETS,
                lambda p: [*p.public_subnets, *p.private_subnets],
                facts.subnet_problems,
            ),
            (Check.PLATFORM_NAMESPACE, lambda p: [p.namespace_id], facts.namespace_problems),
            (Check.PLATFORM_FILES, lambda p: [p.file_system_id], facts.file_system_problems),
            (Check.PLATFORM_ROLE, platform_roles, facts.role_problems),
        ]
        for check, ids, problems in parts:
            yield on_aws(check, partial(self._platform_part, check, ids, problems), Check.PLATFORM)
        yield on_aws(Check.PLATFORM_MONGO, self._mongo, Check.PLATFORM)
        yield on_aws(Check.PLATFORM_EXEC, self._exec, Check.PLATFORM)

    def _mongo(self) -> list[Finding]:
        server = self._facts.platform().mongo
        if not server:
            return [skipped(Check.PLATFORM_MONGO, "the platform names no Mongo server")]
        is_known = self._facts.has_address(server.rpartition(":")[0])
        problems = {} if is_known else {server: "has a name without an address in DNS"}
        return [judge_ids(Check.PLATFORM_MONGO, [server], problems)]

    def _exec(self) -> list[Finding]:
        return [judge_exec(self._catalogue, self._facts.platform())]

    def _platform_part(self, check: Check, ids: _Ids, problems: _Problems) -> list[Finding]:
        return [judge_ids(check, ids(self._facts.platform()), problems())]

    def _zone_checks(self) -> Iterator[DoctorCheck]:
        zone_id = self._expected.zone_id
        if zone_id is None:
            for check in (Check.ZONE, Check.DELEGATION, Check.NEIGHBOURS):
                yield DoctorCheck(check=check, run=partial(_unset, check, "cluster.zoneid"))
            return
        yield on_aws(Check.ZONE, partial(self._zone, zone_id), subject=zone_id)
        yield on_aws(Check.DELEGATION, partial(self._delegation, zone_id), Check.ZONE)
        neighbours = partial(self._neighbours, zone_id)
        yield on_aws(Check.NEIGHBOURS, neighbours, Check.ZONE, optional=True)

    def _zone(self, zone_id: str) -> list[Finding]:
        return [judge_zone(self._facts.zone(zone_id), self._facts.domain())]

    def _delegation(self, zone_id: str) -> list[Finding]:
        zone = self._facts.zone(zone_id)
        return [judge_delegation(zone, self._facts.name_servers(zone.name))]

    def _neighbours(self, zone_id: str) -> list[Finding]:
        domain = self._facts.domain()
        marks = self._facts.installations(zone_id, domain)
        return [judge_neighbours(self._expected.installation, marks, domain)]

    def _certificate_checks(self) -> Iterator[DoctorCheck]:
        for subject, setting in (("ca", "ca"), ("serve", "serve.cert"), ("client", "client.cert")):
            run = partial(self._certificate, subject, setting)
            yield DoctorCheck(check=Check.CERTIFICATE, run=run, subject=subject)

    def _certificate(self, subject: str, setting: str) -> list[Finding]:
        bundle = self._facts.certificate(subject)
        if bundle is None:
            return _unset(Check.CERTIFICATE, setting, subject)
        return [judge_certificate(bundle, self._now())]

    def _serve(self) -> list[Finding]:
        if self._expected.serve_url is None:
            return _unset(Check.SERVE, "serve.url")
        return [judge_serve_identity(self._facts.serve_identity())]

    def _terraform(self) -> list[Finding]:
        try:
            return [ok(Check.TERRAFORM, self._facts.terraform())]
        except ConfigError as error:
            return [skipped(Check.TERRAFORM, f"only workers need it: {error.message}")]

    def _root(self) -> list[Finding]:
        root = self._expected.root
        if not self._facts.has_config_root():
            reason = "not on this machine; run the doctor where the config volume is mounted"
            return [skipped(Check.ROOT, reason, root)]
        self._facts.suspension()  # raises if the root has no marker
        return [ok(Check.ROOT, "mounted, with its marker", root)]

    def _suspension(self) -> list[Finding]:
        root, suspension = self._expected.root, self._facts.suspension()
        if suspension is None:
            return [ok(Check.SUSPENSION, "processing is not suspended", root)]
        return [
            wrong(
                Check.SUSPENSION,
                suspension,
                "run `gromit resume` if the reason no longer applies",
                root,
            )
        ]

    def _rights(self) -> list[Finding]:
        facts, expected = self._facts, self._expected
        named = parse_roles(expected.roles)
        serve = named.get(ControlPlanePart.SERVE, default_role_name(ControlPlanePart.SERVE))
        arns = resource_arns(facts.identity(), facts.platform(), expected, self._catalogue, serve)
        roles = {part: default_role_name(part) for part in ControlPlanePart}
        roles |= {
            ControlPlanePart.ENVIRONMENTS: arns.execution_role,
            ControlPlanePart.EXEC: arns.exec_role,
            **named,
        }
        if not arns.exec_role:  # of an earlier release of infra
            del roles[ControlPlanePart.EXEC]
        simulated = {
            part: SimulatedRole(
                role, part in named, facts.simulate_role(role, expected_permissions(part, arns))
            )
            for part, role in roles.items()
        }
        return judge_permissions(simulated, arns)

    def _quotas(self) -> list[Finding]:
        usages = self._facts.quota_usages()
        environments = self._environments()
        if environments is None:  # every cluster counts as one
            environments = int(usages[Quota.CLUSTERS].used or 0)
        headrooms = quota_headrooms(usages, per_environment(self._catalogue), environments)
        return judge_quotas(headrooms, usages, self._expected.quotas)


def _unset(check: Check, setting: str, subject: str = "") -> list[Finding]:
    return [skipped(check, f"{setting} is not set", subject)]
