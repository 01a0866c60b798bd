"""The doctor makes all examinations, whatever happens in one of them."""

from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from gromit.core.doctor.findings import Check, Finding, FindingStatus, ok, skipped, wrong
from gromit.core.doctor.quotas import Quota, QuotaHeadroom
from gromit.errors import BackendError, ConfigError, Denied, NotFound, Temporary
from gromit.services.doctor import Doctor, DoctorCheck

WALL = QuotaHeadroom(
    quota=Quota.VCPU, limit=6, used=3, per_environment=1, environments=6, told=True
)


def raising(error: Exception) -> Callable[[], Sequence[Finding]]:
    def look() -> Sequence[Finding]:
        raise error

    return look


def unreached() -> Sequence[Finding]:
    raise AssertionError("this must not be looked at")


def examined(*examinations: DoctorCheck) -> list[Finding]:
    return Doctor(examinations, lambda _: None).examine()


def sound(check: Check) -> DoctorCheck:
    return DoctorCheck(check=check, look=lambda: [ok(check, "fine")])


@pytest.mark.parametrize(
    "error",
    [
        NotFound("gone", hint="make it"),
        ConfigError("unset", hint="make it"),
        Denied("no", hint="make it"),
    ],
)
def test_an_error_is_a_finding_and_the_rest_is_looked_at(error: NotFound) -> None:
    found = examined(
        DoctorCheck(check=Check.TABLE, subject="t", look=raising(error)), sound(Check.ZONE)
    )
    assert found == [wrong(Check.TABLE, error.message, "make it", "t"), ok(Check.ZONE, "fine")]


def test_every_wrong_line_has_a_remedy_also_without_a_hint() -> None:
    (found,) = examined(DoctorCheck(check=Check.TABLE, look=raising(NotFound("gone"))))
    assert found.remedy


def test_a_bug_in_a_look_is_a_finding_with_its_traceback_in_the_log() -> None:
    with capture_logs() as logs:
        found = examined(
            DoctorCheck(check=Check.TABLE, look=raising(ZeroDivisionError("canary"))),
            sound(Check.ZONE),
        )
    assert [f.state for f in found] == [FindingStatus.WRONG, FindingStatus.OK]
    assert "bug" in found[0].remedy
    assert [line["exc_info"] for line in logs if line["event"] == "doctor.bug"] == [True]


@pytest.mark.parametrize(
    "error", [Denied("not allowed"), Temporary("silent"), BackendError("strange")]
)
def test_an_excused_look_is_skipped_if_the_backend_does_not_answer(error: BackendError) -> None:
    found = examined(DoctorCheck(check=Check.RIGHTS, look=raising(error), excused=True))
    assert found == [skipped(Check.RIGHTS, error.message)]


def test_an_excused_look_is_not_excused_from_wrong_settings() -> None:
    (found,) = examined(
        DoctorCheck(
            check=Check.RIGHTS, look=raising(ConfigError("nonsense", hint="x")), excused=True
        )
    )
    assert found.state is FindingStatus.WRONG


@pytest.mark.parametrize(
    "first",
    [
        DoctorCheck(check=Check.IDENTITY, look=raising(Denied("no credentials"))),
        DoctorCheck(check=Check.IDENTITY, look=lambda: [skipped(Check.IDENTITY, "x")]),
        DoctorCheck(
            check=Check.IDENTITY,
            look=lambda: [ok(Check.IDENTITY, "x"), wrong(Check.IDENTITY, "x", "y")],
        ),
        sound(Check.REGION),
    ],
)
def test_what_needs_another_is_not_looked_at_without_it(first: DoctorCheck) -> None:
    needy = DoctorCheck(check=Check.TABLE, subject="t", look=unreached, needs=(Check.IDENTITY,))
    assert examined(first, needy)[-1] == skipped(
        Check.TABLE, "needs what is not in order: identity", "t"
    )


def test_what_is_needed_and_sound_does_not_block() -> None:
    needy = DoctorCheck(
        check=Check.TABLE, look=lambda: [ok(Check.TABLE, "fine")], needs=(Check.IDENTITY,)
    )
    assert examined(sound(Check.IDENTITY), needy)[-1].state is FindingStatus.OK


def test_each_look_is_announced() -> None:
    told: list[str] = []
    Doctor(
        [sound(Check.IDENTITY), DoctorCheck(check=Check.REGISTRY, subject="tyk", look=list)],
        told.append,
    ).examine()
    assert told == ["looking at identity", "looking at registry tyk"]


def test_quotas_and_wrong_lines_are_logged_for_alarms() -> None:
    near = Finding(
        check=Check.QUOTA,
        subject="fargate.vcpu",
        state=FindingStatus.WRONG,
        seen="near",
        remedy="ask",
        wall=WALL,
    )
    with capture_logs() as logs:
        examined(
            DoctorCheck(
                check=Check.QUOTA,
                look=lambda: [near, skipped(Check.QUOTA, "x"), ok(Check.QUOTA, "y")],
            )
        )
    assert logs == [
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
    ]
