"""All services: the cost of finding the values of a response in what the emulator keeps."""

from collections.abc import Callable, Sequence
from typing import Any

from moto.core.serialize import (
    DEFAULT_ALIAS_PROVIDERS,
    AttributePickerContext,
    XFormedAttributePicker,
)

from gromit.local.aws.moto_patches.patches import Patches

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
