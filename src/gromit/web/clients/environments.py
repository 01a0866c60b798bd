"""Environments for chitragupta: what serve knows of them, and reports of what runs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gromit.core.environments.known_environments import (
    KnownEnvironment,
    desired_by_name,
    known_environment,
)
from gromit.core.environments.observation import REASON_MAX, Observation
from gromit.core.text import plain_line
from gromit.errors import NotFound
from gromit.web.clients.serve import ServeClient, damaged_rows

OBSERVATIONS_BYTES = 48 * 1024
"""Bytes of observations in one request; serve accepts 64 KiB."""


class ServeEnvironments:
    """The port `DesiredEnvironments`."""

    def __init__(self, client: ServeClient) -> None:
        self._client = client

    def environments(self) -> Mapping[str, KnownEnvironment | None]:
        """Return every environment with a row; None if serve cannot read it."""
        try:
            return self._wanted()
        except NotFound:  # serve is of an earlier release
            return self._listed()

    def _wanted(self) -> Mapping[str, KnownEnvironment | None]:
        found: dict[str, KnownEnvironment | None] = {}
        for page in self._client.listing("/v1/wanted"):
            found |= dict.fromkeys(page["unreadable"])
            found |= {e["name"]: known_environment(e) for e in page["environments"]}
        return found

    def _listed(self) -> Mapping[str, KnownEnvironment | None]:
        found: dict[str, KnownEnvironment | None] = {}
        for page in self._client.listing(phase="all"):
            found |= dict.fromkeys(damaged_rows(page))
            found |= {e["name"]: known_environment(e) for e in page["environments"]}
        return found

    def desired(self) -> Mapping[str, bool | None]:
        """Return whether each environment with a row should be up; None if it cannot be read."""
        return desired_by_name(self.environments())


class ServeObservations:
    """The port `ObservationSink`."""

    def __init__(self, client: ServeClient) -> None:
        self._client = client

    def report(self, observations: Sequence[Observation]) -> None:
        """Send one request; more than one if they do not fit into it."""
        batch: list[dict[str, Any]] = []
        size = 0
        for observation in observations:
            body = _observation(observation)
            length = len(json.dumps(body))
            if batch and size + length > OBSERVATIONS_BYTES:
                self._send(batch)
                batch, size = [], 0
            batch.append(body)
            size += length
        if batch:
            self._send(batch)

    def _send(self, batch: list[dict[str, Any]]) -> None:
        self._client.post("/v1/observations", {"environments": batch})


def _observation(seen: Observation) -> dict[str, Any]:
    health = [
        {"component": c, "state": s.state, "reason": s.reason[:REASON_MAX]}
        for c, s in sorted(seen.health.items())
    ]
    # Without health, the report is one that serves of earlier releases accept.
    return {
        "name": seen.name,
        "epoch": seen.epoch,
        "problems": [
            {"component": c, "reason": plain_line(reason)[:REASON_MAX]}
            for c, reason in sorted(seen.problems.items())
        ],
        "names": [
            {"component": c, "state": s.state, "reason": s.reason[:REASON_MAX]}
            for c, s in sorted(seen.names.items())
        ],
        **({"health": health} if health else {}),
    }
