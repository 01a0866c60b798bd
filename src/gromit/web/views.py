"""Environments as clients see them: flat on the old wire, whole under /v1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core import addresses
from gromit.core.catalogue import Catalogue
from gromit.core.environment import WIRE_STATE, Environment, Event, Phase, Source, Version
from gromit.core.time import iso


@dataclass(frozen=True, slots=True)
class Views:
    """What is needed to show an environment."""

    catalogue: Catalogue
    domain: str | None

    def flat(self, environment: Environment, now_ms: int) -> dict[str, str]:
        """The old wire's form: name, state, and a version for each repository."""
        versions = {r: v.version for r, v in self.versions(environment).items()}
        state = WIRE_STATE.get(environment.phase(now_ms), "deleted")
        return {"name": environment.name, "state": state, **versions}

    def versions(self, environment: Environment) -> Mapping[str, Version]:
        """The version of every repository, those that joined the catalogue later included."""
        defaults = {r: Version(self.catalogue.default_tag(r), Source.DEFAULT) for r in sorted(self.catalogue.repositories)}
        return {**defaults, **environment.versions}

    def detail(self, environment: Environment, now_ms: int) -> dict[str, Any]:
        """Everything that is known of an environment, but its history."""
        phase = environment.phase(now_ms)
        lease, failure = environment.lease, environment.failure
        return {
            "name": environment.name,
            "phase": phase,
            "state": WIRE_STATE.get(phase),
            "want": environment.want,
            "generation": environment.generation,
            "observed": environment.observed,
            "incarnation": environment.incarnation,
            "versions": {
                r: {"version": v.version, "source": v.source, "ref": v.ref, "sequence": v.sequence}
                for r, v in self.versions(environment).items()
            },
            "redeploys": dict(environment.redeploys),
            "urls": addresses.urls(self.catalogue, environment.name, self.domain) if phase is not Phase.GONE else {},
            "protected": environment.protected,
            "created": iso(environment.created_ms),
            "changed": iso(environment.changed_ms),
            "due": iso(environment.due_ms) if environment.work else None,
            "attempts": environment.attempts,
            "error": {"kind": failure.kind, "message": failure.message, "at": iso(failure.at_ms)} if failure else None,
            "lease": {"holder": lease.holder, "until": iso(lease.until_ms), "generation": lease.claimed} if lease else None,
        }

    def claim(self, environment: Environment, ttl_ms: int) -> dict[str, Any]:
        """What a worker needs to know of an environment that it has claimed."""
        lease = environment.lease
        return {
            "name": environment.name,
            "want": environment.want,
            "generation": environment.generation,
            "claimed": lease.claimed if lease else None,
            "epoch": environment.epoch,
            "versions": {r: v.version for r, v in self.versions(environment).items()},
            "redeploys": dict(environment.redeploys),
            "spec_hash": environment.trusted_hash,
            "observed": environment.observed,
            "infra": environment.infra,
            "ttl_ms": ttl_ms,
        }


def event(event: Event) -> dict[str, Any]:
    """One entry of a history."""
    return {"at": iso(event.at_ms), "actor": event.actor, "kind": event.kind, "text": event.text}
