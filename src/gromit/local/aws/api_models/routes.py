"""Operations of services whose requests name them by method, path and query string."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from botocore.model import OperationModel, ServiceModel

_LABEL = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


@dataclass(frozen=True, slots=True)
class Route:
    """Form of the requests of one operation."""

    operation: OperationModel
    method: str
    path: re.Pattern[str]
    """Pattern of the path, before its escapes are resolved."""
    literals: Mapping[str, str]
    """Fields of the query string that each request has, such as `versioning` of S3."""
    required: frozenset[tuple[str, str]]
    """Location and name of each required member in the query string or the headers."""

    @classmethod
    def of(cls, operation: OperationModel) -> Self:
        """Return the route of an operation."""
        path, _, query = _uri(operation).partition("?")
        return cls(
            operation,
            operation.http["method"],
            _path_pattern(path),
            dict(parse_qsl(query, keep_blank_values=True)),
            _required(operation),
        )

    def rank(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, int, int]:
        """Return how well the rest of a request fits, for comparison with other routes."""
        given = sum(
            name in (query if at == "querystring" else headers) for at, name in self.required
        )
        return len(self.literals), int(given == len(self.required)), given


class Router:
    """The operations of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self._routes: dict[str, list[Route]] = {}
        for name in model.operation_names:
            operation = model.operation_model(name)
            # S3 has two versions of some, whose requests look the same.
            if not operation.deprecated:
                route = Route.of(operation)
                self._routes.setdefault(route.method, []).append(route)

    def find(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a request and the labels in its path; None if there is none.

        Names of headers are in lower case.
        """
        fitting = [
            (route, found)
            for route in self._routes.get(method, [])
            if (found := route.path.fullmatch(path)) and route.literals.items() <= query.items()
        ]
        if not fitting:
            return None
        route, found = max(fitting, key=lambda fit: fit[0].rank(query, headers))
        return route, found.groupdict()


def _uri(operation: OperationModel) -> str:
    """Return the URI of an operation's requests.

    Clients of botocore change it in the model to the URI below the host of a bucket.
    """
    uri: str = operation.http["requestUri"]
    is_moved = "authPath" in operation.http and "{Bucket}" not in uri
    return f"/{{Bucket}}{uri}" if is_moved else uri


def _path_pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a path: `{Key+}` may hold slashes, and a last slash may be missing."""
    text = _LABEL.sub(_label_pattern, re.escape(template.rstrip("/")))
    return re.compile(f"{text}/?")


def _label_pattern(label: re.Match[str]) -> str:
    return f"(?P<{label[1]}>{'.+' if label[2] else '[^/]*'})"


def _required(operation: OperationModel) -> frozenset[tuple[str, str]]:
    shape = operation.input_shape
    if shape is None:
        return frozenset()
    members = {name: shape.members[name].serialization for name in shape.required_members}
    return frozenset(
        (traits["location"], _wire_name(traits, name))
        for name, traits in members.items()
        if traits.get("location") in {"querystring", "header"}
    )


def _wire_name(traits: Mapping[str, str], name: str) -> str:
    wire = traits.get("name", name)
    return wire.lower() if traits["location"] == "header" else wire
