"""Values of requests that are spread over path, query string, headers and body."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, fromstring

from botocore.model import ListShape, MapShape, Shape, StructureShape

from gromit.local.aws.api_models.scalars import scalar_from_text

_IGNORED = frozenset({"x-id"})
"""Fields of the query string that SDKs add for logs of AWS."""


def rest_value(
    shape: StructureShape,
    labels: Mapping[str, str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: Any,
) -> dict[str, Any]:
    """Return the value of a whole request; `body` is the value of what its body holds."""
    value: dict[str, Any] = dict(body)
    fields = {name: texts for name, texts in query.items() if not _is_foreign(name)}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if labels.get(wire):
                value[name] = scalar_from_text(member, unquote(labels[wire]))
            case "querystring" if wire in fields:
                value[name] = _from_query(member, fields.pop(wire))
            case "header" if wire.lower() in headers:
                value[name] = _from_header(member, headers[wire.lower()])
            case "headers":
                value[name] = _with_prefix(wire.lower(), headers)
            case _:
                pass  # in the body
    # What is left is no member.
    return {**fields, **value}


def json_body(shape: StructureShape, body: bytes) -> dict[str, Any]:
    """Return the members that a JSON body holds."""
    payload = shape.serialization.get("payload")
    if payload is None:
        return json.loads(body) if body else {}
    return {payload: json.loads(body)} if body else {}


def xml_body(shape: StructureShape, body: bytes) -> dict[str, Any]:
    """Return the members that an XML body holds."""
    payload = shape.serialization.get("payload")
    if payload is None:
        members = {n: m for n, m in shape.members.items() if "location" not in m.serialization}
        return _structure(members, fromstring(body)) if body and members else {}  # noqa: S314
    if not body:
        return {}
    member = shape.members[payload]
    if isinstance(member, StructureShape):
        return {payload: _decode(member, fromstring(body))}  # noqa: S314 - of our own clients
    # An object of a bucket, or a text such as a bucket's policy.
    return {payload: "" if member.type_name == "blob" else body.decode()}


def _is_foreign(name: str) -> bool:
    return name in _IGNORED or name.startswith("X-Amz-")


def _from_query(member: Shape, texts: list[str]) -> Any:
    if isinstance(member, ListShape):
        return [scalar_from_text(member.member, text) for text in texts]
    return scalar_from_text(member, texts[-1])


def _from_header(member: Shape, text: str) -> Any:
    if isinstance(member, ListShape):
        return [scalar_from_text(member.member, part.strip()) for part in text.split(",")]
    return scalar_from_text(member, text)


def _with_prefix(prefix: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(prefix): text for name, text in headers.items() if name.startswith(prefix)
    }


def _decode(shape: Shape, element: Element) -> Any:
    match shape:
        case StructureShape():
            return _structure(shape.members, element)
        case ListShape():
            return _list(shape, list(element))
        case MapShape():
            return {_tag(inner): inner.text or "" for inner in element}
        case _:
            return scalar_from_text(shape, element.text or "")


def _structure(members: Mapping[str, Shape], element: Element) -> dict[str, Any]:
    wires = {_xml_name(member, name): name for name, member in members.items()}
    value: dict[str, Any] = {}
    for tag, inner in _by_tag(element).items():
        name = wires.get(tag, tag)
        member = members.get(name) if tag in wires else None
        value[name] = _inner(member, inner)
    for attribute, text in element.attrib.items():
        tag = attribute.rpartition("}")[2]
        value[wires.get(tag, tag)] = text
    return value


def _inner(member: Shape | None, elements: list[Element]) -> Any:
    """Return the value of the elements with one tag; what is no member has only a text."""
    if member is None:
        return elements[0].text or ""
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        return [_decode(member.member, element) for element in elements]
    return _decode(member, elements[-1])


def _list(shape: ListShape, elements: list[Element]) -> Any:
    expected = shape.member.serialization.get("name", "member")
    wrong = [tag for element in elements if (tag := _tag(element)) != expected]
    if wrong:
        return f"<{wrong[0]}> in place of <{expected}>"
    return [_decode(shape.member, element) for element in elements]


def _xml_name(member: Shape, name: str) -> str:
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        name = member.member.serialization.get("name", name)
    return str(member.serialization.get("name", name)).rpartition(":")[2]


def _by_tag(element: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for inner in element:
        found.setdefault(_tag(inner), []).append(inner)
    return found


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]
