"""Results of the last runs: one file for each law, from which the page is made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.law import Curve, Goal, LawResult, Measured, Table

RESULTS = Path(__file__).with_name("results")


def keep_result(result: LawResult, folder: Path = RESULTS) -> None:
    """Write the result of a law in place of the one before."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (folder / f"{result.name}.json").write_text(text + "\n", encoding="utf-8")


def read_results(folder: Path = RESULTS) -> Sequence[LawResult]:
    """Return the results of all laws that were ever measured, by name."""
    files = sorted(folder.glob("*.json"))
    return [_result(json.loads(file.read_text(encoding="utf-8"))) for file in files]


def _result(data: Mapping[str, Any]) -> LawResult:
    measured = data["measured"]
    return LawResult(
        **{
            **data,
            "held_by": tuple(data["held_by"]),
            "measured": Measured(
                tuple(Goal(**goal) for goal in measured["goals"]),
                _curve(measured["curve"]),
                tuple(map(_curve, measured["more"])),
                tuple(map(_table, measured["tables"])),
            ),
        }
    )


def _curve(data: Mapping[str, Any]) -> Curve:
    return Curve(**{**data, "points": tuple((size, cost) for size, cost in data["points"])})


def _table(data: Mapping[str, Any]) -> Table:
    return Table(data["title"], tuple(data["head"]), tuple(map(tuple, data["rows"])))
