"""The emulator's state on disk: all backends in one pickle, so that their references survive.

A pickle is a program. Only the local cloud that wrote the file reads it, in its own folder, and
only its user has access.
"""

import io
import pickle
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import moto
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends

from gromit.errors import ConfigError

FIRST_SEGMENT = 1
"""Segment of the journal of a cloud whose state was never saved."""
_FORMAT = (1, moto.__version__)
_SSM_LAMBDA = "SimpleSystemManagerBackend.__init__.<locals>.<lambda>"
_LOCKS = (type(threading.Lock()), type(threading.RLock()))


class _Pickler(pickle.Pickler):
    """Pickler for the parts of moto that cannot be pickled: locks, a lambda and its own dicts.

    Locks are pickled as new ones, as nothing holds a lock between two requests.
    """

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, _LOCKS):
            return _new_lock, (isinstance(thing, _LOCKS[1]),)
        if isinstance(thing, FunctionType) and thing.__qualname__ == _SSM_LAMBDA:
            return _maker_of_dicts, ()
        if isinstance(thing, dict) and type(thing).__module__.startswith("moto."):
            state = dict.copy(thing), thing.__dict__, getattr(thing, "default_factory", None)
            return _new, (type(thing),), state, None, None, _fill
        if type(thing) is DynamoType:
            return _value, (_tree(thing),)
        return NotImplemented


def _new_lock(reentrant: bool) -> Any:  # noqa: FBT001 - called by pickle
    return threading.RLock() if reentrant else threading.Lock()


def _maker_of_dicts() -> Callable[[], defaultdict[str, dict[str, str]]]:
    return _dicts


def _dicts() -> defaultdict[str, dict[str, str]]:
    return defaultdict(dict)


def _new(kind: Any) -> Any:
    return kind.__new__(kind)


def _fill(thing: Any, state: tuple[dict[Any, Any], dict[str, Any], Any]) -> None:
    """Fill a dict of one of moto's classes without its `__setitem__`.

    That may do more than set an item: S3's adds a version.
    """
    items, attributes, factory = state
    if isinstance(thing, defaultdict):
        thing.default_factory = factory
    dict.update(thing, items)
    thing.__dict__.update(attributes)


def _tree(value: DynamoType) -> Any:
    """A value of an item as built-in types, which pickle in half the time."""
    match value.type:
        case "M":
            return {name: _tree(inner) for name, inner in value.value.items()}
        case "L":
            return [_tree(inner) for inner in value.value]
        case kind:
            return kind, value.value


def _value(tree: Any) -> DynamoType:
    """The value that `_tree` took apart."""
    value = DynamoType.__new__(DynamoType)
    match tree:
        case dict():
            value.type, value.value = "M", {name: _value(inner) for name, inner in tree.items()}
        case list():
            value.type, value.value = "L", [_value(inner) for inner in tree]
        case _:
            value.type, value.value = tree
    return value


def dump_state(segment: int = FIRST_SEGMENT) -> bytes:
    """Return the emulator's whole state, and the journal's segment that comes after it.

    The caller holds the emulator's lock.
    """
    backends: dict[tuple[str, str, str], Any] = {}
    for service in BackendDict._instances:
        for account, region, backend in service.iter_backends():
            backends[service.service_name, account, region] = backend
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(
        (_FORMAT, backends, dict(s3_backends.bucket_accounts), segment)
    )
    return buffer.getvalue()


def load_state(path: Path) -> int:
    """Restore the state that `dump_state` returned; return the journal's segment after it.

    Raises `ConfigError` if another version of the emulator wrote the file, or it is damaged.
    """
    hint = f"Remove {path}* to start with an empty cloud."
    try:
        # Our own file: see the module's docstring.
        form, backends, buckets, *after = pickle.loads(path.read_bytes())  # noqa: S301
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ImportError,
        IndexError,
        TypeError,
        ValueError,
    ) as error:
        raise ConfigError(
            f"cannot read the emulator's state in {path}: {error}", hint=hint
        ) from error
    if form != _FORMAT:
        raise ConfigError(f"{path} was written by another version of the emulator", hint=hint)
    for (service, account, region), backend in backends.items():
        get_backend(service)[account][region] = backend
    s3_backends.bucket_accounts.update(buckets)
    return int(after[0]) if after else FIRST_SEGMENT  # a state of an earlier release has no number
