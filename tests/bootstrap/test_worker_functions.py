"""Checks before a worker asks for work, and the parts that are built only then."""

import threading
from pathlib import Path
from typing import Any

import pytest

from gromit.bootstrap.worker_functions import LazyWorkFunction, check_settings
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.environments.phases import Work
from gromit.errors import ConfigError

COMPLETE = {"GROMIT_CLUSTER_DOMAIN": "dev.example.com", "GROMIT_CLUSTER_ZONEID": "Z1"}


def _settings(**variables: str) -> Settings:
    return load_settings(variables).settings


@pytest.mark.parametrize("missing", sorted(COMPLETE))
def test_a_reap_that_cannot_remove_records_asks_for_no_work(missing: str) -> None:
    check_settings(_settings(**COMPLETE), Work.REAP)
    given = {name: value for name, value in COMPLETE.items() if name != missing}
    with pytest.raises(ConfigError, match="is not set"):
        check_settings(_settings(**given), Work.REAP)
    check_settings(_settings(), Work.SOW)


@pytest.mark.parametrize("kind", list(Work))
def test_a_wrong_catalogue_shows_before_work_is_asked_for(kind: Work, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("components: [{name: app, imge: x}]")
    with pytest.raises(ConfigError, match="component"):
        check_settings(_settings(**COMPLETE, GROMIT_CATALOGUE=str(path)), kind)


def _noted_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what is asked of a function that is built."""
    calls = list[str]()

    class Built:
        """A function that says what is asked of it."""

        def do(self, claim: Any, _state: Any, _progress: Any) -> None:
            calls.append(claim)

        def interrupt(self) -> None:
            calls.append("interrupt")

        def close(self) -> None:
            calls.append("close")

    def build(*_: Any) -> Built:
        calls.append("built")
        return Built()

    monkeypatch.setattr("gromit.bootstrap.worker_functions._build", build)
    return calls


def test_the_function_is_built_once_by_whichever_run_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    function: Any = LazyWorkFunction(Work.SOW, parts=None)  # type: ignore[arg-type] # not built
    function.close()
    calls, together = _noted_calls(monkeypatch), threading.Barrier(4)

    def run() -> None:
        together.wait()
        function("ran", None, None)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    function.interrupt()
    function.close()
    assert calls == ["built", *["ran"] * 4, "interrupt", "close"]


def test_a_stop_that_comes_before_the_first_run_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or the first run of a worker would start a terraform after it was asked to stop."""
    calls = _noted_calls(monkeypatch)
    function: Any = LazyWorkFunction(Work.SOW, parts=None)  # type: ignore[arg-type] # not built
    function.interrupt()
    function("ran", None, None)
    assert calls == ["built", "interrupt", "ran"]
