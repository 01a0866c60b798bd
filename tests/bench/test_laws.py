"""Each law at its smallest size, once: that it can be measured, and that its counts are right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.law import Extent, LawResult, load_law
from tests.bench.processes import START, start_fork
from tests.bench.report import page_text

LAWS = (
    "accepting",
    "build_latency",
    "build_rate",
    "claims",
    "crowd",
    "dns_pass",
    "doctor_pass",
    "handshakes",
    "listing",
    "rates",
    "starting",
    "wakes",
    "wanted",
    "watchers",
    "worker_calls",
    "zone",
)


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start processes and the emulator without what most of the time of such a run would go to."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    token = START.set(start_fork)
    yield
    START.reset(token)


@pytest.mark.parametrize("name", LAWS)
def test_a_law_can_be_measured(name: str, tmp_path: Path) -> None:
    law = load_law(name)
    measured = law.measure(Extent(True, tmp_path, print, is_smallest=True))
    assert [goal for goal in measured.all_goals if goal.is_count and not goal.is_reached] == []
    assert law.claim in page_text([LawResult(name, law.claim, measured)])


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
def test_gromit_is_measured_beside_the_pattern_of_gromit_v1(tmp_path: Path) -> None:
    law = load_law("peers")
    measured = law.measure(Extent(True, tmp_path, print))
    beside, quiet = measured.tables
    assert len(beside.rows) == 6
    calls = {row[0]: int(row[2]) for row in quiet.rows}
    assert calls["gromit"] < calls["gromit v1"]
