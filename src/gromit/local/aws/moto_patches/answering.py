"""All services: the cost of a response: finding its values in what the emulator keeps, its ID."""

from collections.abc import Callable, Sequence
from string import ascii_letters, digits
from typing import Any

from moto.core import responses
from moto.core.serialize import (
    DEFAULT_ALIAS_PROVIDERS,
    AttributePickerContext,
    XFormedAttributePicker,
)
from moto.moto_api._internal import mock_random

from gromit.local.aws.moto_patches.patches import Patches

_LETTERS = f"{ascii_letters}{digits}"
_NAMES = "_gromit_names"
"""Attribute of a shape of botocore, which lives as long as the model of its service."""


def name_members_once(patches: Patches) -> None:
    """AWS answers at once.

    For each member of each response the stock emulator makes six objects, and asks each of them
    under which other names it may be kept. That depends on the model and the type of what is kept.
    """

    def names(
        stock: Callable[..., Any], picker: XFormedAttributePicker, context: AttributePickerContext
    ) -> Sequence[str]:
        shape, kept, key = context.shape, context.obj, context.key
        if picker.alias_providers is not DEFAULT_ALIAS_PROVIDERS or hasattr(kept, "Meta"):
            found: Sequence[str] = stock(picker, context)
            return found
        known = shape.__dict__.setdefault(_NAMES, {})
        place = getattr(shape, "parent", None), kept.__class__, key
        if place not in known:
            known[place] = tuple(dict.fromkeys(stock(picker, context)))
        return known[place]  # type: ignore[no-any-return]

    patches.replace(XFormedAttributePicker, "get_possible_keys", names)


def draw_request_ids_at_once(patches: Patches) -> None:
    """AWS gives each response an ID of 52 letters and digits.

    The stock emulator draws each letter by itself, with several functions.
    """

    def draw(_stock: Callable[..., Any], headers: dict[str, Any] | None = None) -> str:
        identifier = "".join(mock_random.choices(_LETTERS, k=52))
        if headers is not None:
            headers["x-amzn-requestid"] = identifier
        return identifier

    patches.replace(responses, "gen_amzn_requestid_long", draw)
