"""The control plane, applied once for all tests of it.

Only the long tests create the load balancers and their dependents: provider 3.39 waits a whole
minute for each.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.platform.control.alarm_days import AppliedAlarms, Lines
from tests.platform.control.installed import Installed
from tests.platform.control.log_lines import PARTS
from tests.platform.control.plane import control_root, make_ground
from tests.platform.emulator import running_emulator
from tests.platform.roots import REPOSITORY, Engine

QUICK = tuple(
    f"-target={address}"
    for address in (
        "module.serve",
        "module.gateway",
        "module.pki",
        "module.pki_schedule",
        "module.worker",
        "module.worker_schedule",
        "aws_cloudwatch_metric_alarm.this",
        "aws_sns_topic_policy.alarms",
        "aws_sns_topic_subscription.emails",
    )
)


@pytest.fixture(scope="session")
def installed(embedded: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with running_emulator() as emulator:
        ground = make_ground(emulator)
        root = control_root(tmp_path_factory.mktemp("control"), embedded, emulator, ground)
        root.apply("-parallelism=40", *QUICK)
        yield Installed(emulator, root, ground)


@pytest.fixture(scope="session")
def applied(installed: Installed) -> AppliedAlarms:
    return AppliedAlarms.of(installed)


@pytest.fixture(scope="session")
def lines() -> Lines:
    """The log lines of each part, from the real code in its own process, as in its log group."""
    argv = [sys.executable, "-m", "tests.platform.control.log_lines"]
    runs = {
        p: subprocess.Popen([*argv, p], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
        for p in PARTS
    }
    said = {part: process.communicate(timeout=120)[1] for part, process in runs.items()}
    return {
        f"/gromit-control/{part}": [json.loads(line) for line in text.splitlines()]
        for part, text in said.items()
    }
