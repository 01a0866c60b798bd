"""The shipped catalogue, and its public components without anything else of it.

A pass of chitragupta needs no more. The validation of a whole catalogue would take as long as the
pass, and the shipped one is right: a test compares what both ways read.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from gromit.core.stack.health import HealthCheck, HealthState
from gromit.core.stack.public_components import PublicComponents
from gromit.documents import parse_yaml

SHIPPED = Path(str(files("gromit"))) / "catalogue" / "tyk.yaml"
"""Catalogue of the Tyk stack, part of the package."""


def shipped_public_components() -> PublicComponents:
    """Return the public components of the shipped catalogue."""
    tree = cast("Mapping[str, Any]", parse_yaml(SHIPPED.read_bytes()))
    public = [entry for entry in tree["components"] if entry.get("public")]
    return PublicComponents(frozenset(entry["name"] for entry in public), dict(_checks(public)))


def _checks(entries: list[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[int, HealthCheck]]]:
    for entry in entries:
        if found := entry.get("health"):
            values = {key: found[key] for key in ("path", "key", "ready") if key in found}
            if "degraded_by" in found:
                values["degraded_by"] = HealthState(found["degraded_by"])
            if "grace" in found:
                values["grace_s"] = found["grace"]
            yield entry["name"], (entry["port"], HealthCheck(**values))
