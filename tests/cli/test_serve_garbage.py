"""Objects of a built serve, which the collection of garbage leaves out."""

import gc
import inspect
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gromit import log
from gromit.cli import serve


@pytest.fixture
def unfrozen() -> Iterator[None]:
    was_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    yield
    gc.unfreeze()
    if was_frozen:  # by the settings of all tests, which spare later searches these objects
        gc.collect()
        gc.freeze()


@pytest.mark.usefixtures("unfrozen")
def test_what_serve_is_built_of_is_left_out_of_the_collection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen = list[int]()

    class Built:
        def run(self) -> None:
            frozen.append(gc.get_freeze_count())

    monkeypatch.setattr(log, "keep_audit", lambda: None)
    monkeypatch.setattr(serve, "build_serve", lambda _settings: Built())
    inspect.unwrap(serve.serve.callback)(SimpleNamespace(settings=None))  # type: ignore[arg-type] # a command has one
    assert frozen
    assert frozen[0] > 0
