"""Settings of all tests."""

import gc
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.aws_models import share_models

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
share_models()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, in their random order, so that no process ends with one."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("cloud", "terraform"))))


def pytest_collection_finish() -> None:
    """Take what stays until the end out of the search for garbage: all modules and tests."""
    gc.freeze()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Restore the log configuration, which commands in this process replace."""
    handlers, level, routed = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**routed)
