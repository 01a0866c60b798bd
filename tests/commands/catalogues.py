"""Catalogues that forks need not parse again: YAML is a quarter of the CPU time of a pass."""

import pickle
from pathlib import Path
from typing import Any

import yaml

from gromit.adapters.catalogue.file import load_catalogue

_OF_TESTS = Path(__file__).parents[1] / "e2e" / "catalogue"


def read_catalogues() -> None:
    """Read the shipped catalogue and those of the end-to-end tests.

    From now on the same text is not parsed twice. A text with a fault is parsed each time.
    """
    _remember()
    load_catalogue()
    for path in _OF_TESTS.glob("*.yaml"):
        load_catalogue(path)


def _remember() -> None:
    load = yaml.load
    values: dict[tuple[bytes, type], bytes] = {}

    def load_once(data: bytes, loader: type) -> Any:
        if (data, loader) not in values:
            values[data, loader] = pickle.dumps(load(data, loader))
        return pickle.loads(values[data, loader])

    setattr(yaml, "load", load_once)  # noqa: B010 - its declared type has all loaders
