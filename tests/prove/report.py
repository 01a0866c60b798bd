"""Report of all suites: a table for people, or JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from tests.prove.suite import Finding, Proof


def table(findings: Sequence[Finding]) -> str:
    """Return one line for each suite, and below them all violations and notes."""
    width = max(len("suite"), *(len(f.name) for f in findings))
    head = f"{'suite':<{width}}  {'cases':>7}  {'violations':>10}  {'time':>9}  claim"
    rows = [
        f"{f.name:<{width}}  {f.proof.cases:>7}  {len(f.proof.violations):>10}"
        f"  {f.seconds:>7.1f} s  {f.claim}"
        for f in findings
    ]
    return "\n".join([head, *rows, *(line for f in findings for line in _below(f.name, f.proof))])


def as_json(findings: Sequence[Finding], seed: int) -> str:
    """Return the same for programs."""
    suites = [
        {"suite": f.name, "claim": f.claim, "seconds": f.seconds, **asdict(f.proof)}
        for f in findings
    ]
    return json.dumps({"seed": seed, "suites": suites}, indent=2)


def is_clean(findings: Sequence[Finding]) -> bool:
    """Whether no suite has a violation."""
    return not any(f.proof.violations for f in findings)


def _below(name: str, proof: Proof) -> Iterator[str]:
    if proof.violations or proof.notes:
        yield ""
    for violation in proof.violations:
        yield f"{name} VIOLATED: {violation.case}"
        yield from (f"    {line}" for line in violation.problem.splitlines())
    for note in proof.notes:
        yield f"{name}: {note}"
