"""Judgement of other installations in the zone."""

from collections.abc import Mapping

from gromit.core.doctor.findings import Check, Finding, ok, wrong

_REMEDY = (
    "give this installation a name: `installation` of `terraform/infra`, GROMIT_INSTALLATION"
    " elsewhere"
)


def judge_neighbours(installation: str, marks: Mapping[str, int], domain: str) -> Finding:
    """Whether this installation has a name, if another one has records in the zone.

    `marks` are the ownership records by installation; those without one have an empty name.
    """
    others = {name: count for name, count in sorted(marks.items()) if name != installation}
    unnamed = others.pop("", 0)
    if not others:
        rest = f"; environments with records without a name: {unnamed}" if unnamed else ""
        return ok(Check.NEIGHBOURS, f"no other installation has records here{rest}", domain)
    shown = ", ".join(f"{name} ({count})" for name, count in others.items())
    observed = f"other installations have records of environments here: {shown}"
    if not installation:
        return wrong(Check.NEIGHBOURS, f"{observed}; this one has no name", _REMEDY, domain)
    return ok(Check.NEIGHBOURS, observed, domain)
