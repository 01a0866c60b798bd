"""The body of a list of branches, which the gateway and serve parse."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gromit.core.names import DIGEST_LENGTH
from gromit.errors import InvalidInput

BRANCHES_MAX = 5000
"""Branches of one list, which has to fit into a body."""
Digest = Annotated[StrictStr, Field(pattern=rf"^[A-Za-z0-9_-]{{{DIGEST_LENGTH}}}$")]


class BranchList(BaseModel):
    """All branches of a repository."""

    model_config = ConfigDict(extra="forbid")

    repo: Annotated[
        StrictStr, Field(min_length=1, description="repository, with or without its owner")
    ]
    branches: Annotated[
        list[Digest],
        Field(
            max_length=BRANCHES_MAX,
            description="for each branch the first 6 bytes of the SHA-256 of its name without "
            "`refs/heads/`, in base64 for URLs",
        ),
    ]
    count: Annotated[
        StrictInt, Field(ge=0, description="number of branches, from which a cut list is noticed")
    ]

    def complete(self) -> frozenset[str]:
        """Return the branches. Raises `InvalidInput` if the list is empty or cut."""
        if not self.branches:
            raise InvalidInput(
                "the list has no branch, so nothing was changed",
                hint="a repository has at least its default branch: send all its branches",
            )
        if len(self.branches) != self.count:
            raise InvalidInput(
                f"the list has {len(self.branches)} branches and not {self.count},"
                " so nothing was changed",
                hint="send the list again, complete",
            )
        return frozenset(self.branches)
