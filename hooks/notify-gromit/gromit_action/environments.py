"""An environment as the gateway shows it: phase, progress, components, and what comes of it.

Fields that an older or a newer serve does not have are left out, and nothing else depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gromit_action.markdown import is_address, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

READY, FAILED, SUPERSEDED, LATE, UNKNOWN = "ready", "failed", "superseded", "late", "unknown"
"""Results of a wait. The phase is what the environment is; the result is what came of the build."""

_PERSON_ACTS = frozenset({"build", "platform", "person"})
"""Classes of failures that retrying cannot fix."""
_OLD_REMEDY = "the reason says what to fix: gromit cannot do it by itself"
"""Remedy of a failure that a serve of an earlier release shows."""
_ENDED = {
    "gone": "push to the branch: a new build makes the environment again",
    "deleting": "push to the branch: a new build makes the environment again",
    "reaping": "push to the branch: a new build makes the environment again",
    "parked": "start it with `gromit env unpark`",
}
"""Phases in which no build is made, and what to do."""


@dataclass(frozen=True)
class OwnBuild:
    """The build that a job waits for."""

    repository: str
    version: str | None
    """None: the job only looks, so no build is its own."""
    sequence: int | None


@dataclass(frozen=True)
class Row:
    """A component, or before it was made the version of a repository."""

    name: str
    version: str
    why: str
    url: str | None
    note: str


@dataclass(frozen=True)
class Outcome:
    """Result of the build, with its reason and remedy."""

    result: str
    reason: str = ""
    remedy: str = ""


class Environment:
    """A view of `/v1/environments/{name}`."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        self._view = view
        self.name = str(view.get("name", ""))
        self.phase = str(view.get("phase", UNKNOWN))

    def urls(self) -> Mapping[str, str]:
        """Return the address of each public component that runs, if it is a web address."""
        found = {str(k): v for k, v in _mapping(self._view, "urls").items()}
        return {name: url for name, url in found.items() if is_address(url)}

    def main_url(self, repository: str) -> str:
        """Return the address of the repository's own component, or else the first; may be empty."""
        urls, components = self.urls(), _mapping(self._view, "components")
        own = (n for n in urls if _text(_mapping(components, n), "repository") == repository)
        return next((urls[name] for name in own), next(iter(urls.values()), ""))

    def version_of(self, repository: str) -> Mapping[str, Any]:
        """Return the desired version of a repository, with its branch and sequence."""
        return _mapping(_mapping(self._view, "versions"), repository)

    def sequence_of(self, repository: str) -> int | None:
        """Return the place of a repository's desired build in the order of builds, if known."""
        sequence = self.version_of(repository).get("sequence")
        return sequence if isinstance(sequence, int) else None

    def rows(self) -> list[Row]:
        """Return components, or the versions that are desired before any was made."""
        versions = _mapping(self._view, "versions")
        components = _mapping(self._view, "components")
        if not components:
            return [self._desired(name, _mapping(versions, name)) for name in versions]
        return [self._made(name, _mapping(components, name), versions) for name in components]

    def _desired(self, name: str, version: Mapping[str, Any]) -> Row:
        return Row(name, _text(version, "version"), self._why(name, version), None, "not made yet")

    def _made(self, name: str, component: Mapping[str, Any], versions: Mapping[str, Any]) -> Row:
        repository = _text(component, "repository")
        version = _mapping(versions, repository)
        runs, wanted = _text(component, "version"), _text(version, "version")
        coming = f"{wanted} comes next" if wanted and wanted != runs else ""
        notes = [_text(component, "problem"), _name_note(component), coming]
        url = self.urls().get(name)
        return Row(name, runs, self._why(repository, version), url, "; ".join(filter(None, notes)))

    def _why(self, repository: str, version: Mapping[str, Any]) -> str:
        if reason := _text(version, "reason"):
            return reason
        source, ref = _text(version, "source"), _text(version, "ref")
        if source == "reported":
            return f"built from branch {ref}" if ref else "set without a branch"
        if source == "branch":
            return "the registry has an image of the branch"
        return f"default branch ({repository} has no branch or image {self.name})"

    def progress(self) -> str:
        """Return the present step, n of m, and the place in the queue; empty if unknown."""
        step, queue = _mapping(self._view, "progress"), _mapping(self._view, "queue")
        parts = [_text(step, "text")]
        if step.get("total"):
            parts.append(f"[{step.get('done', 0)}/{step['total']}]")
        if queue.get("position"):
            parts.append(f"place {queue['position']} of {queue.get('of', '?')} in the queue")
        if isinstance(queue.get("estimate_s"), (int, float)):
            parts.append(f"about {duration(queue['estimate_s'])}")
        return " ".join(filter(None, parts))

    def reason(self) -> str:
        """Return what went wrong or keeps it waiting; empty if nothing does."""
        found = [
            _text(_mapping(self._view, "error"), "message"),
            _text(_mapping(self._view, "degraded"), "reason"),
            _text(_mapping(self._view, "suspended"), "text"),
        ]
        return next(filter(None, found), "")

    def last_lines(self) -> list[tuple[str, list[str]]]:
        """Return what tasks wrote before they stopped, by component."""
        output = _mapping(self._view, "error").get("output")
        found = output if isinstance(output, list) else []
        tasks = [task for task in found if isinstance(task, dict)]
        return [(_text(task, "component"), _lines(task)) for task in tasks]

    def line(self) -> str:
        """Return the present state in one line."""
        reason, waiting = self.reason(), ", ".join(self.unreachable())
        parts = [self.phase, self.progress(), f"({reason})" if reason else ""]
        if self.phase == READY and waiting:
            parts.append(f"without {waiting}")
        return plain(" ".join(filter(None, parts)))

    def unreachable(self) -> list[str]:
        """Return names and programs that are not there yet."""
        components = _mapping(self._view, "components")
        return [
            f"{name} ({note})"
            for name in components
            if (note := _name_note(_mapping(components, name)))
        ]

    def outcome(self, own: OwnBuild, *, names: bool = True) -> Outcome | None:
        """Return what came of a build; None while that is open.

        `names`: wait for public names and healthy programs too.
        """
        if newer := self._newer_than(own):
            return Outcome(SUPERSEDED, newer)
        if self.phase == READY:
            return self._reachable() if names else Outcome(READY)
        if self.phase in _ENDED:
            return Outcome(FAILED, f"the environment is {self.phase}", _ENDED[self.phase])
        error = _mapping(self._view, "error")
        remedy = _text(error, "remedy")
        if "remedy" not in error and _text(error, "class") in _PERSON_ACTS:
            remedy = _OLD_REMEDY
        if self.phase in {"failed", "degraded"} and remedy:
            return Outcome(FAILED, self.reason(), remedy)
        return None

    def _reachable(self) -> Outcome | None:
        components = _mapping(self._view, "components")
        for name in components:
            dns = _mapping(_mapping(components, name), "dns")
            if _text(dns, "state") == "blocked":
                reason = f"the public name of {name} is blocked: {_text(dns, 'reason')}"
                return Outcome(FAILED, reason, "ask the operators to remove the foreign record")
        return None if self.unreachable() else Outcome(READY)

    def _newer_than(self, own: OwnBuild) -> str:
        """Return why this build is not desired any more; empty if it is."""
        if own.version is None:
            return ""
        desired = _text(self.version_of(own.repository), "version")
        sequence = self.sequence_of(own.repository)
        if not desired or desired == own.version:
            return ""
        if sequence is not None and own.sequence is not None and sequence <= own.sequence:
            return ""  # an older view: the report is on its way
        return f"{own.repository} has the newer version {desired}"


def duration(seconds: float) -> str:
    """Return a duration in words, like 45s or 2m 10s."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def _name_note(component: Mapping[str, Any]) -> str:
    """Return what is missing until people reach a component; empty if nothing is."""
    dns, health = _mapping(component, "dns"), _mapping(component, "health")
    if dns and _text(dns, "state") != "published":
        return " ".join(filter(None, ["name", _text(dns, "state"), _text(dns, "reason")]))
    if health and _text(health, "state") == UNKNOWN:
        return " ".join(filter(None, ["no good answer yet", _text(health, "reason")]))
    return ""


def _mapping(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _lines(found: Mapping[str, Any]) -> list[str]:
    value = found.get("lines")
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []
