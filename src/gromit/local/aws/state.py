"""The emulator's state on disk: every backend, pickled together, so that references between them hold.

The file is read only by the local cloud that wrote it, in its own folder, and belongs to its user alone: a pickle is a program.
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

_FORMAT = (1, moto.__version__)
_SSM_LAMBDA = "SimpleSystemManagerBackend.__init__.<locals>.<lambda>"
_LOCKS = (type(threading.Lock()), type(threading.RLock()))


class _Pickler(pickle.Pickler):
    """Pickles what moto made unpicklable: locks (as new ones: nobody holds one between two requests), a lambda, its own dicts."""

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
    """Fill a dict of moto's own class past its `__setitem__`, which may do more than set (S3's adds a version)."""
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


def dump_state() -> bytes:
    """All that the emulator holds. The caller holds the emulator's lock."""
    backends: dict[tuple[str, str, str], Any] = {
        (service.service_name, account, region): backend
        for service in BackendDict._instances
        for account, region, backend in service.iter_backends()
    }
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(
        (_FORMAT, backends, dict(s3_backends.bucket_accounts))
    )
    return buffer.getvalue()


def load_state(path: Path) -> None:
    """Put back what `dump_state` gave. Raises `ConfigError` if another version of the emulator wrote it, or it is damaged."""
    hint = f"remove {path} to begin with an empty cloud"
    try:
        form, backends, buckets = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, see the module's first lines
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
