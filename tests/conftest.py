"""Settings of all tests."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.aws_models import share_models
from tests.aws_requests import REPORT, Refusals, check_mocked_requests, end_record, start_record
from tests.default_cas import share_default_cas
from tests.distribution import Groups, receive_bundles, send_bundles
from tests.ending import end_at_once, keep_what_is_left
from tests.rewriting import rewrite_share

# The time of an example depends on the load of the machine. A slow test shows in the duration of
# the suite.
settings.register_profile(
    "gromit", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("gromit")
# Servers of other tests in this process log, too: never to standard output, where commands print
# their results.
structlog.configure(
    logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger
)

# Each emulator of AWS and each client make hundreds of thousands of objects. With Python's own
# thresholds, half of the CPU time of a test that uses them goes into looking for garbage.
gc.set_threshold(50_000, 20, 20)
# Machine images are half of an empty emulator's start-up, and no test needs one.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
# Terraforms of tests are short, see tests/terraforms.py.
os.environ.setdefault("GOGC", "800")
# A shell without job control lets what it runs in the background ignore Ctrl-C, and programs that
# tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
share_models()
share_default_cas()
check_mocked_requests()

_REFUSALS = pytest.StashKey[Refusals]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """Distribute tests of `--dist loadgroup`."""
    return Groups(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Record the requests to AWS from now on."""
    if _worker(session.config) is None:
        receive_bundles()
    else:
        end_at_once()
        send_bundles(session.config)
        rewrite_share(session.config)
    session.config.stash[_REFUSALS] = start_record(_worker(session.config))


def _worker(config: pytest.Config) -> str | None:
    """Return the name of this process if it is one of pytest-xdist's."""
    # Its environment variable is also in pytests that tests start.
    name: str | None = getattr(config, "workerinput", {}).get("workerid")
    return name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail the test if AWS's models forbid a request."""
    try:
        yield
    finally:
        _fail_if_refused(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Fail the test if AWS's models forbid a request of a fixture."""
    try:
        yield
    finally:
        _fail_if_refused(item)


def _fail_if_refused(item: pytest.Item) -> None:
    if found := item.config.stash[_REFUSALS].new():
        pytest.fail("requests that AWS's models forbid:\n" + "\n".join(found), pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many requests to AWS were checked."""
    if _worker(terminalreporter.config) is not None:
        return
    report = end_record()
    if report.requests:
        REPORT.write_text(report.as_json(), encoding="utf-8")
        terminalreporter.write_line(f"{report.line()} (`make requests` shows them)")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while modules are loaded: almost all that they make stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, in their random order, so that no process ends with one."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("cloud", "terraform"))))


def pytest_collection_finish() -> None:
    """Take what stays until the end out of the search for garbage: all modules and tests."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Search what is left at the end for garbage once, not twice."""
    keep_what_is_left()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Restore the log configuration, which commands in this process replace."""
    handlers, level, routed = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**routed)
