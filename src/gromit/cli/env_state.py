"""State of an environment in words, for people who wait for it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gromit.cli.env_view import phase_and_suspension
from gromit.cli.render import print_line
from gromit.core.environments.failures import shown_remedy
from gromit.core.environments.readiness import describe_names, is_blocked, required_action
from gromit.core.stack.addresses import NameStatus


def describe_state(
    found: Mapping[str, Any],
    names: Mapping[str, NameStatus],
    unhealthy: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the phase of an environment, why, and what is missing until it is ready."""
    error, degraded = found.get("error"), found.get("degraded")
    reason = error["message"] if error else degraded and degraded["reason"]
    state = phase_and_suspension(found) + (f" ({reason})" if reason else "")
    if names:
        return f"{state}, without the names of {describe_names(names)}"
    waiting = ", ".join(f"{c} ({why})" if why else c for c, why in unhealthy.items())
    return f"{state}, without a good answer of {waiting} yet" if waiting else state


def action_of_person(found: Mapping[str, Any], names: Mapping[str, NameStatus]) -> str | None:
    """Return what a person has to do first; None if the environment may recover on its own."""
    if is_blocked(names):
        return "remove the record that has the name, or wait with --no-dns"
    error = found["error"]
    return required_action(found["phase"], shown_remedy(error) if error else None)


def why_not_ready(found: Mapping[str, Any], names: Mapping[str, NameStatus]) -> str:
    """Return why an environment will not become ready or reachable on its own."""
    if found["phase"] in {"failed", "degraded"}:
        word = "failed" if found["phase"] == "failed" else "is degraded"
        message = found["error"]["message"]
        return f"{found['name']} {word} and will not recover on its own: {message}"
    what = "will not be reachable" if names else "will not become ready"
    return f"{found['name']} {what}: it is {describe_state(found, names)}"


def report_failure(message: str, hint: str) -> None:
    """Print an error and its remedy."""
    print_line(f"gromit: {message}", err=True)
    print_line(f"  hint: {hint}", err=True)
