"""The doctor runs all checks, whatever happens in one of them."""

from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from gromit.core.doctor.findings import Check, Finding, FindingStatus, ok, skipped, wrong
from gromit.core.doctor.quotas import Quota, QuotaHeadroom
from gromit.errors import BackendError, ConfigError, Denied, NotFound, Temporary
from gromit.services.doctor import Doctor
from gromit.services.doctor_check import DoctorCheck
from tests.logs import lines_about

HEADROOM = QuotaHeadroom(
    quota=Quota.VCPU, limit=6, used=3, per_environment=1, environments=6, from_aws=True
)


def raising(error: Exception) -> Callable[[], Sequence[Finding]]:
    def run() -> Sequence[Finding]:
        raise error

    return run


def unreached() -> Sequence[Finding]:
    raise AssertionError("this check must not run")


def run_all(*checks: DoctorCheck) -> list[Finding]:
    return Doctor(checks, lambda _: None).run_checks()


def passing(check: Check) -> DoctorCheck:
    return DoctorCheck(check=check, run=lambda: [ok(check, "fine")])


@pytest.mark.parametrize(
    "error",
    [
        NotFound("gone", hint="make it"),
        ConfigError("unset", hint="make it"),
        Denied("no", hint="make it"),
    ],
)
def test_an_error_is_a_finding_and_the_other_checks_run(error: NotFound) -> None:
    found = run_all(
        DoctorCheck(check=Check.TABLE, subject="t", run=raising(error)), passing(Check.ZONE)
    )
    assert found == [wrong(Check.TABLE, error.message, "make it", "t"), ok(Check.ZONE, "fine")]


def test_every_wrong_finding_has_a_remedy_even_without_a_hint() -> None:
    (found,) = run_all(DoctorCheck(check=Check.TABLE, run=raising(NotFound("gone"))))
    assert found.remedy


def test_a_bug_in_a_check_is_a_finding_with_its_traceback_in_the_log() -> None:
    with capture_logs() as logs:
        found = run_all(
            DoctorCheck(check=Check.TABLE, run=raising(ZeroDivisionError("canary"))),
            passing(Check.ZONE),
        )
    assert [f.state for f in found] == [FindingStatus.WRONG, FindingStatus.OK]
    assert "bug" in found[0].remedy
    assert [line["exc_info"] for line in logs if line["event"] == "doctor.bug"] == [True]


@pytest.mark.parametrize(
    "error", [Denied("not allowed"), Temporary("silent"), BackendError("strange")]
)
def test_an_optional_check_is_skipped_if_the_backend_does_not_answer(error: BackendError) -> None:
    found = run_all(DoctorCheck(check=Check.RIGHTS, run=raising(error), optional=True))
    assert found == [skipped(Check.RIGHTS, error.message)]


def test_an_optional_check_still_reports_wrong_settings() -> None:
    (found,) = run_all(
        DoctorCheck(
            check=Check.RIGHTS, run=raising(ConfigError("nonsense", hint="x")), optional=True
        )
    )
    assert found.state is FindingStatus.WRONG


@pytest.mark.parametrize(
    "first",
    [
        DoctorCheck(check=Check.IDENTITY, run=raising(Denied("no credentials"))),
        DoctorCheck(check=Check.IDENTITY, run=lambda: [skipped(Check.IDENTITY, "x")]),
        DoctorCheck(
            check=Check.IDENTITY,
            run=lambda: [ok(Check.IDENTITY, "x"), wrong(Check.IDENTITY, "x", "y")],
        ),
        passing(Check.REGION),
    ],
)
def test_a_check_is_skipped_without_the_one_it_needs(first: DoctorCheck) -> None:
    dependent = DoctorCheck(check=Check.TABLE, subject="t", run=unreached, needs=(Check.IDENTITY,))
    assert run_all(first, dependent)[-1] == skipped(
        Check.TABLE, "depends on checks that are not ok: identity", "t"
    )


def test_a_check_runs_if_the_one_it_needs_is_ok() -> None:
    dependent = DoctorCheck(
        check=Check.TABLE, run=lambda: [ok(Check.TABLE, "fine")], needs=(Check.IDENTITY,)
    )
    assert run_all(passing(Check.IDENTITY), dependent)[-1].state is FindingStatus.OK


def test_each_check_is_announced() -> None:
    progress: list[str] = []
    Doctor(
        [passing(Check.IDENTITY), DoctorCheck(check=Check.REGISTRY, subject="tyk", run=list)],
        progress.append,
    ).run_checks()
    assert progress == ["checking identity", "checking registry tyk"]


def test_quotas_and_wrong_findings_are_logged_for_alarms() -> None:
    near = Finding(
        check=Check.QUOTA,
        subject="fargate.vcpu",
        state=FindingStatus.WRONG,
        observed="near",
        remedy="ask",
        headroom=HEADROOM,
    )
    with capture_logs() as logs:
        run_all(
            DoctorCheck(
                check=Check.QUOTA,
                run=lambda: [near, skipped(Check.QUOTA, "x"), ok(Check.QUOTA, "y")],
            )
        )
    assert lines_about("doctor", logs) == [
        {
            "event": "doctor.quota",
            "log_level": "info",
            "quota": "fargate.vcpu",
            "used": 3,
            "limit": 6,
            "percent": 50,
            "environments": 6,
        },
        {
            "event": "doctor.finding",
            "log_level": "warning",
            "check": "quota",
            "subject": "fargate.vcpu",
            "seen": "near",
            "remedy": "ask",
        },
        {"event": "doctor.checked", "log_level": "info", "findings": 3, "wrong": 1},
    ]
