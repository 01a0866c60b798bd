"""Values in forms: the query protocol, and EC2's dialect of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from gromit.local.aws.api_models.scalars import scalar_from_text

Tree = dict[str, Any]
"""Fields of a form by the parts of their names; a leaf is the text of a field."""

_OWN = ""
"""Key of a field's own text beside the fields below it."""


def form_tree(fields: Iterable[tuple[str, str]]) -> Tree:
    """Return the fields of a form as a tree: `A.1.B=x` becomes `{A: {1: {B: x}}}`."""
    tree: Tree = {}
    for name, text in fields:
        *above, last = name.split(".")
        here = tree
        for part in above:
            below = here.get(part)
            if not isinstance(below, dict):
                below = here[part] = {} if below is None else {_OWN: below}
            here = below
        if isinstance(here.get(last), dict):
            here[last][_OWN] = text
        else:
            here[last] = text
    return tree


class FormDecoder:
    """Decoder of a form's tree into the value of a shape.

    A field that the model does not know stays under its own name, so that a check finds it.
    """

    def __init__(self, wire_name: Callable[[Shape, str], str], *, is_ec2: bool) -> None:
        self._wire_name, self._is_ec2 = wire_name, is_ec2

    def decode(self, shape: Shape, node: Any) -> Any:
        """Return the value."""
        match shape:
            case StructureShape():
                return self._structure(shape, node)
            case ListShape():
                return self._list(shape, node)
            case MapShape():
                return self._map(shape, node)
            case _:
                return scalar_from_text(shape, node)

    def _structure(self, shape: StructureShape, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        names = {self._wire_name(inner, name): name for name, inner in shape.members.items()}
        return {
            names.get(wire, wire): self.decode(shape.members[names[wire]], inner)
            if wire in names
            else inner
            for wire, inner in node.items()
        }

    def _list(self, shape: ListShape, node: Any) -> Any:
        # An empty list or map is an empty text.
        if node == "":
            return []
        if not self._is_ec2 and not shape.serialization.get("flattened"):
            node = _below(node, shape.member.serialization.get("name", "member"))
        return _numbered(node, lambda inner: self.decode(shape.member, inner))

    def _map(self, shape: MapShape, node: Any) -> Any:
        if node == "":
            return {}
        if node == "":  # an empty map, as an empty list
            return {}
        if not shape.serialization.get("flattened"):
            node = _below(node, "entry")
        pairs = _numbered(node, lambda inner: inner)
        key = shape.key.serialization.get("name", "key")
        value = shape.value.serialization.get("name", "value")
        if not isinstance(pairs, list) or not all(_is_pair(pair, key, value) for pair in pairs):
            return node
        return {pair[key]: self.decode(shape.value, pair[value]) for pair in pairs}


def _below(node: Any, name: str) -> Any:
    """Return what is below the only name that a list or a map may have there."""
    return node[name] if isinstance(node, dict) and node.keys() == {name} else node


def _numbered(node: Any, decode: Callable[[Any], Any]) -> Any:
    """Return the values below numbers as a list, and other nodes as they are."""
    if not isinstance(node, dict) or not all(name.isdecimal() for name in node):
        return node
    return [decode(node[name]) for name in sorted(node, key=int)]


def _is_pair(pair: Any, key: str, value: str) -> bool:
    return isinstance(pair, Mapping) and pair.keys() == {key, value}


def query_name(shape: Shape, name: str) -> str:
    """Return the name of a member in a form of the query protocol."""
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        of_member = shape.member.serialization.get("name")
        if of_member is not None:
            return str(of_member)
    return str(shape.serialization.get("name", name))


def ec2_name(shape: Shape, name: str) -> str:
    """Return the name of a member in a form for EC2."""
    if query := shape.serialization.get("queryName"):
        return str(query)
    own = str(shape.serialization.get("name", name))
    return own[0].upper() + own[1:]
