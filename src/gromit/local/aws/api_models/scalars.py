"""Numbers and booleans that are text on the wire."""

from typing import Any

from botocore.model import Shape

_BOOLEANS = {"true": True, "True": True, "false": False, "False": False}


def scalar_from_text(shape: Shape, text: Any) -> Any:
    """Return the value of a text; the text itself if it is not one of the shape's type."""
    if not isinstance(text, str):
        return text
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return _BOOLEANS.get(text, text)
            case _:
                return text
    except ValueError:
        return text
