"""The page of what the components of an environment wrote."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

from gromit.web.page.serve_data import environment_path

_LONGEST = 1024
"""Characters of a parameter that are sent on; a cursor is the longest."""


@dataclass(frozen=True, slots=True)
class OutputChoice:
    """Chosen lines, as the form and its address have them; empty: not chosen."""

    component: str = ""
    since: str = ""
    previous: str = ""
    run: str = ""
    cursor: str = ""

    @classmethod
    def parse(cls, query: QueryParams) -> "OutputChoice":
        """Return the choice in the query of an address. serve checks the values."""
        known = {key: query.get(key, "")[:_LONGEST] for key in cls.__dataclass_fields__}
        return cls(**known)

    def path(self, name: str) -> str:
        """Return the path at serve."""
        return f"{environment_path(name)}/logs{self.query_string()}"

    def next_page(self, name: str, cursor: str) -> str:
        """Return the address of the page that follows."""
        following = replace(self, cursor=cursor)
        return f"/environments/{quote(name, safe='')}/logs{following.query_string()}"

    def query_string(self) -> str:
        """Return what was chosen as the query of an address, with its question mark."""
        given = {key: value for key, value in asdict(self).items() if value}
        return f"?{urlencode(given)}" if given else ""


def output_values(
    view: Mapping[str, Any], found: Mapping[str, Any], chosen: OutputChoice
) -> dict[str, Any]:
    """Return the values of the template for an environment and its output."""
    written = {line["component"] for line in found["lines"]}
    following = found["next"] and chosen.next_page(view["name"], found["next"])
    return {
        "name": view["name"],
        "components": sorted({*view["components"], *written}),
        "chosen": chosen,
        "lines": found["lines"],
        "cut": found["cut"],
        "next": following,
    }
