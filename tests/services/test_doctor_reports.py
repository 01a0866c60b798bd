"""The last reports of the doctors, in their reserved row."""

import json

from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.reports import (
    DoctorReport,
    KeptReport,
    QuotaLine,
    ReportKind,
    ReportLine,
)
from gromit.core.environments.row_writes import Exists, RowWrite
from gromit.services.doctor_reports import DOCTOR_ROW, DoctorReports
from tests.fakes.store import MemoryStore

AWS = DoctorReport(
    ReportKind.AWS,
    2,
    1,
    (ReportLine("zone", "", FindingStatus.WRONG, "seen", "remedy"),),
    (QuotaLine("fargate.vcpu", 4.5, 6, 75, 4),),
)
ENVIRONMENTS = DoctorReport(ReportKind.ENVIRONMENTS, 7, 0, ())


def test_each_report_takes_the_place_of_the_one_before_it_of_its_doctor() -> None:
    reports = DoctorReports(MemoryStore())
    assert reports.last() == ()
    kept = [KeptReport(AWS, "t1", "worker:doctor"), KeptReport(ENVIRONMENTS, "t2", "worker:doctor")]
    newer = KeptReport(ENVIRONMENTS, "t3", "operator:ada")
    for one in (*kept, newer):
        reports.keep(one)
    assert reports.last() == (kept[0], newer)


def test_a_report_that_cannot_be_read_is_left_out() -> None:
    store = MemoryStore()
    reports = DoctorReports(store)
    reports.keep(KeptReport(ENVIRONMENTS, "t", "b"))
    for damaged in ("", "[]", "{}", "nonsense", json.dumps({"kind": "aws", "checked": "x"})):
        store.write(
            DOCTOR_ROW, RowWrite(conditions=(Exists("environments"),), sets={"aws": damaged})
        )
        assert [kept.report for kept in reports.last()] == [ENVIRONMENTS]
