"""The call of checkov and the report on its answer.

The scan itself is `make checkov`, which is part of `make test-all`.
"""

from pathlib import Path

import pytest

from tests.stacks.checkov import PROGRAM, failures, scanned, unexplained
from tests.stacks.hcl import Directory, everything

HERE = Path(__file__).parent


@pytest.mark.parametrize("place", everything(), ids=lambda d: d.name)
def test_every_skipped_check_is_justified_in_place(place: Directory) -> None:
    assert list(unexplained(place)) == []


@pytest.mark.parametrize(
    "skip", ["CKV_AWS_1", "CKV_AWS_1:", "CKV_AWS_1:because", ":of no check but with a reason"]
)
def test_a_skip_without_a_check_or_a_reason_is_found(skip: str) -> None:
    assert list(
        unexplained(
            Directory(name="bad", texts={"main.tf": f"# checkov:skip={skip}"}, is_root=True)
        )
    )


def test_a_scan_that_saw_nothing_is_no_success() -> None:
    assert list(failures({"passed": 0, "failed": 0})) == ["checkov has seen no resource"]
    answer = {"results": {"failed_checks": []}, "summary": {"parsing_errors": 1}}
    assert list(failures(answer)) == ["checkov cannot read 1 of the files"]


@pytest.mark.long
def test_a_failed_check_is_reported(tmp_path: Path) -> None:
    if not PROGRAM.exists():
        pytest.skip("`make checkov` has not created its environment yet")
    (tmp_path / "main.tf").write_text('resource "aws_efs_file_system" "open" {\n}\n')
    assert any(
        line.startswith("/main.tf:1 aws_efs_file_system.open: CKV_AWS_42 ")
        for line in failures(scanned(tmp_path))
    )
