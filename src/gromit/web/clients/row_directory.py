"""All rows of serve, for the doctor of environments, and the changes that repair them."""

import secrets

from gromit.core.discrepancies.facts import RowFacts, row_facts
from gromit.errors import NotFound
from gromit.ports.inventory import RowListing
from gromit.web.clients.serve import ServeClient, damaged_rows

_REPAIR = {"repair": "true"}
"""Query of a request that is no activity: a repair must not prolong the life of anything."""


class ServeRows:
    """The port `RowDirectory`."""

    def __init__(self, client: ServeClient) -> None:
        self._client = client

    def listing(self) -> RowListing:
        """Make one request for each page of serve."""
        rows: list[RowFacts] = []
        unreadable: set[str] = set()
        for page in self._client.listing(phase="all"):
            rows += map(row_facts, page["environments"])
            unreadable |= damaged_rows(page)
        return RowListing(tuple(rows), frozenset(unreadable))

    def find(self, name: str) -> RowFacts | None:
        """Serve refuses to show a row that it cannot read, and one of gromit v1."""
        try:
            return row_facts(self._client.get(f"/v1/environments/{name}"))
        except NotFound:
            return None

    def suspension(self, name: str) -> str | None:
        """Ask for the environment; without a row only all processing can be suspended."""
        try:
            found = self._client.get(f"/v1/environments/{name}")["suspended"]
        except NotFound:
            suspensions = self._client.get("/v1/suspensions")["suspensions"]
            found = next((s for s in suspensions if s["scope"] == "all"), None)
        return str(found["text"]) if found else None

    def redeploy(self, name: str) -> None:
        """Redeploy all components."""
        mark = secrets.token_hex(8)  # a repeated request counts only once
        self._client.call("POST", f"/v1/environments/{name}/redeploy", {"mark": mark}, **_REPAIR)

    def retry(self, name: str) -> None:
        """Send one request."""
        self._client.call("POST", f"/v1/environments/{name}/retry", {}, **_REPAIR)

    def reap(self, name: str) -> None:
        """Send one request."""
        self._client.post(f"/v1/environments/{name}/reap", {})
