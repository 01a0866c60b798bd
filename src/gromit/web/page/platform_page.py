"""The page of the platform: queue, workers, suspensions, limits, doctors and certificates."""

from collections.abc import Mapping
from typing import Any

from gromit.core.environments.phases import Phase
from gromit.core.time import Millis, parse_iso
from gromit.web.page.index import EnvironmentIndex

_TITLES = {"aws": "Installation", "environments": "Environments"}
SOON_MS = 7 * 86_400_000
"""A certificate that expires sooner is marked."""


def platform_values(
    found: Mapping[str, Any], index: EnvironmentIndex, now_ms: Millis
) -> dict[str, Any]:
    """Return the values of the platform's template."""
    rows = index.rows.values()
    troubled = [r for r in rows if r.phase in {Phase.FAILED, Phase.DEGRADED, "unreadable"}]
    certificates = [
        {**caller, "is_soon": parse_iso(caller["expires"]) - now_ms < SOON_MS}
        for caller in found["callers"]
    ]
    doctors = found.get("doctors", [])  # a serve of an earlier release sends none
    return {
        "platform": found,
        "doctors": [
            {"title": _TITLES[d["kind"]], "at": d["at"], "summary": _summary(d)} for d in doctors
        ],
        "findings": [line for doctor in doctors for line in doctor["lines"]],
        "quotas": [quota for doctor in doctors for quota in doctor["quotas"]],
        "certificates": sorted(certificates, key=lambda c: str(c["expires"])),
        "troubled": sorted(troubled, key=lambda r: r.name),
        "total": sum(r.phase != Phase.GONE for r in rows),
    }


def _summary(doctor: Mapping[str, Any]) -> str:
    wrong, checked = doctor["wrong"], doctor["checked"]
    if doctor["kind"] == "aws":
        return f"{wrong} of {checked} findings are wrong"
    return f"{wrong} discrepancies in {checked} environments"
