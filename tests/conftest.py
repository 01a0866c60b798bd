"""Settings of all tests."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

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


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Restore the log configuration, which commands in this process replace."""
    handlers, level, routed = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**routed)
