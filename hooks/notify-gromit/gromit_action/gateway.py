"""Views of an environment from the gateway, with the job's token."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import Request

from gromit_action.environments import Environment
from gromit_action.exchange import Busy, Wrong, send

if TYPE_CHECKING:
    from gromit_action.identity import JobToken

READ_S = 20.0
"""Longest time of one request."""


class Reader:
    """Reads one environment."""

    def __init__(self, url: str, name: str, repository: str, token: JobToken) -> None:
        self.gateway = url
        # A token of several repositories has to say for which of them it asks.
        asking = f"?repo={quote(repository, safe='')}"
        self._address = f"{url}/v1/environments/{quote(name, safe='')}{asking}"
        self._token = token

    def read(self) -> Environment | None:
        """Return the environment; None if there is none.

        Raises `Busy` if a later attempt may succeed, and `Wrong` if this job may not read it.
        """
        headers = {"Authorization": self._token.header(), "Accept": "application/json"}
        answer = send(Request(self._address, headers=headers), READ_S)
        view = answer.json()
        if answer.status == 200 and "phase" in view:
            return Environment(view)
        if answer.status == 401:
            self._token.forget()
            raise Busy(f"the gateway refused the token: {answer.error()}")
        if answer.status == 403:
            raise Wrong(
                f"this job may not read its environment: {answer.error()}"
                " (a token needs the verb read: `gromit token new --verb read`)"
            )
        if answer.status == 404:
            return None
        raise Busy(f"the gateway answered {answer.status}: {answer.error()}")
