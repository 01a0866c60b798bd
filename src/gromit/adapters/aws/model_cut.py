"""Parts of the model of a service: some operations, and the shapes that they need.

A model is a JSON document with one key a line, indented by its depth. So a part is found in the
text, and the rest is never parsed.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

_OPERATIONS, _SHAPES = "operations", "shapes"


def cut_model(
    text: bytes, operations: Collection[str], decoder: json.JSONDecoder
) -> Mapping[str, Any] | None:
    """Return a model with these operations alone; None if the text is not laid out as expected."""
    parts = _top_parts(text)
    try:
        texts = _inner_parts(parts.pop(_OPERATIONS))
        kept = {name: _value(texts[name], decoder) for name in operations}
        texts = _inner_parts(parts.pop(_SHAPES))
        shapes: dict[str, Any] = {}
        names = set(_shape_names(kept))
        while names:
            found = {name: _value(texts[name], decoder) for name in names}
            shapes |= found
            names = set(_shape_names(found)) - shapes.keys()
        rest = {name: _value(part, decoder) for name, part in parts.items()}
    except (KeyError, ValueError):
        return None
    return {**rest, _OPERATIONS: kept, _SHAPES: shapes}


def _top_parts(text: bytes) -> dict[str, bytes]:
    """Return what begins with the value of each key of the document."""
    starts, at = list[int](), -1
    while (at := text.find(b'\n  "', at + 1)) >= 0:  # quicker than to split: the parts are large
        starts.append(at + len(b'\n  "'))
    return _by_key(text[start:end] for start, end in pairwise([*starts, len(text)]))


def _inner_parts(text: bytes) -> dict[str, bytes]:
    """Return what begins with the value of each key one level below."""
    return _by_key(text.split(b'\n    "')[1:])


def _by_key(parts: Iterable[bytes]) -> dict[str, bytes]:
    pairs = (part.partition(b'":') for part in parts)
    return {key.decode(): value for key, _, value in pairs}


def _value(text: bytes, decoder: json.JSONDecoder) -> Any:
    """Return the value at the beginning of a text."""
    return decoder.raw_decode(text.decode())[0]


def _shape_names(part: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part refers to."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _shape_names(value)
    elif isinstance(part, list):
        for value in part:
            yield from _shape_names(value)
