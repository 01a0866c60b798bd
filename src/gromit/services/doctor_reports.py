"""The last report of each doctor, in a reserved row of the table."""

from dataclasses import dataclass

from gromit.core.doctor.reports import KeptReport, ReportKind, parse_report, report_text
from gromit.core.environments.attributes import RESERVED
from gromit.core.environments.row_writes import AnyOf, Exists, NotExists, RowWrite
from gromit.ports import EnvironmentStore

DOCTOR_ROW = f"{RESERVED}doctor"


@dataclass(frozen=True, slots=True)
class DoctorReports:
    """Keeps the reports. Only the API uses this."""

    store: EnvironmentStore

    def keep(self, kept: KeptReport) -> None:
        """Write a report over the one before it of the same doctor."""
        kind = str(kept.report.kind)
        # The newest report counts, whatever was there: DynamoDB has no empty condition.
        always = AnyOf((Exists(kind), NotExists(kind)))
        self.store.write(DOCTOR_ROW, RowWrite(conditions=(always,), sets={kind: report_text(kept)}))

    def last(self) -> tuple[KeptReport, ...]:
        """Return the reports, except those that cannot be read."""
        row = self.store.read(DOCTOR_ROW) or {}
        found = (parse_report(str(row.get(kind, ""))) for kind in ReportKind)
        return tuple(kept for kept in found if kept is not None)
