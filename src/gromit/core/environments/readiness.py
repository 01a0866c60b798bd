"""Readiness: failures that retrying cannot fix, and what a person has to do first."""

from collections.abc import Mapping
from typing import Any

from gromit.core.environments.phases import Phase
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState


def required_action(phase: str, remedy: str | None) -> str | None:
    """Return what a person has to do first; None if the environment may recover on its own.

    `remedy` is that of the last failed run, if there is one: see `failures.remedy_of`.
    """
    if phase in {Phase.GONE, Phase.DELETING, Phase.REAPING}:
        return "report a build of the branch"
    if phase == Phase.PARKED:
        return "unpark it with `gromit env unpark`"
    return remedy if phase in {Phase.FAILED, Phase.DEGRADED} else None


def unpublished_names(view: Mapping[str, Any]) -> dict[str, NameStatus]:
    """Return the public names that are not published, in serve's JSON view of an environment."""
    names = {c: v["dns"] for c, v in view.get("components", {}).items() if v["dns"]}
    return {
        component: NameStatus(NameState(dns["state"]), dns["reason"] or "")
        for component, dns in sorted(names.items())
        if dns["state"] != NameState.PUBLISHED
    }


def unhealthy_components(view: Mapping[str, Any]) -> dict[str, str]:
    """Return components without an answer that counts, with the last one, in serve's JSON view."""
    components: Mapping[str, Any] = view.get("components", {})
    # A serve of an earlier release knows no health.
    health = {name: c.get("health") for name, c in sorted(components.items())}
    return {
        name: h["reason"] or ""
        for name, h in health.items()
        if h and h["state"] == HealthState.UNKNOWN
    }


def describe_names(names: Mapping[str, NameStatus]) -> str:
    """Return each name with its state, and with the reason if one is known."""
    words = {NameState.UNKNOWN: "unknown, because chitragupta has not reported it yet"}
    states = ((c, words.get(s.state, str(s.state)), s.reason) for c, s in names.items())
    return ", ".join(f"{c} ({state}{f': {why}' if why else ''})" for c, state, why in states)


def is_blocked(names: Mapping[str, NameStatus]) -> bool:
    """Whether a person has to remove a record before all names can be published."""
    return any(status.state is NameState.BLOCKED for status in names.values())
