"""Environments that a caller may read: with a repository's token, only those with its versions.

Other environments look as if they did not exist, so that a token finds out nothing about them.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from gromit.core.environments.environment import Environment
from gromit.services.environments import Environments
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.legacy_routes import Repository, trusted_repository


@dataclass(frozen=True, slots=True)
class VisibleEnvironments:
    """Environments that the sender of a request may read."""

    environments: Environments
    repository: str | None
    """Only those with a reported version of it; None: all."""

    def inspect(self, name: str) -> Environment:
        """Return an environment, or the tombstone of one. Raises `NotFound`."""
        return self.environments.inspect(name, self.repository)


async def _visible(
    caller: CurrentCaller, deps: Deps, repository: Repository = None
) -> VisibleEnvironments:
    return VisibleEnvironments(deps.environments, trusted_repository(caller, repository))


Visible = Annotated[VisibleEnvironments, Depends(_visible)]
