"""AWS's program for sessions, in whose place a script records how it was started."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.aws.exec_session import ExecSession, SessionTarget
from gromit.adapters.session_plugin import find_plugin, join_session
from gromit.errors import ConfigError
from tests.waiting import PATIENCE_S

TOKEN = "canary-token"
SESSION = ExecSession("s", "wss://ssmmessages.eu-central-1.amazonaws.com/v1", TOKEN)
TARGET = SessionTarget("app-test", "0a1b", "tyk", "0a1b-1", "eu-central-1")
ENDPOINT = "https://ssm.eu-central-1.amazonaws.com"
SCRIPT = """\
#!{python} -SI
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print({version!r})
    sys.exit()
given = os.environ.get("AWS_SSM_START_SESSION_RESPONSE")
with open({record!r}, "w") as file:
    json.dump([sys.argv[1:], given], file)
{then}
"""


def plugin(folder: Path, version: str = "1.2.707.0", then: str = "sys.exit(3)") -> str:
    """Write the script, and return its path."""
    path = folder / "session-manager-plugin"
    record = str(folder / "record.json")
    text = SCRIPT.format(python=sys.executable, version=version, record=record, then=then)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def recorded(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())


def test_the_program_gets_the_session_in_a_variable_and_its_code_is_passed_on(
    tmp_path: Path,
) -> None:
    assert join_session(plugin(tmp_path), SESSION, TARGET, ENDPOINT) == 3
    arguments, given = recorded(tmp_path)
    assert TOKEN not in json.dumps(arguments), "all users of the machine see it"
    assert json.loads(given) == {
        "SessionId": "s",
        "StreamUrl": SESSION.stream_url,
        "TokenValue": TOKEN,
    }
    name, region, action, profile, parameters, endpoint = arguments
    assert (name, region) == ("AWS_SSM_START_SESSION_RESPONSE", "eu-central-1")
    assert (action, profile, endpoint) == ("StartSession", "", ENDPOINT)
    assert json.loads(parameters) == {"Target": "ecs:app-test_0a1b_0a1b-1"}


@pytest.mark.parametrize("version", ["1.2.463.0", "unknown"])
def test_an_older_program_knows_only_arguments(tmp_path: Path, version: str) -> None:
    assert join_session(plugin(tmp_path, version), SESSION, TARGET, ENDPOINT) == 3
    arguments, given = recorded(tmp_path)
    assert json.loads(arguments[0])["TokenValue"] == TOKEN
    assert given is None


def test_a_machine_without_the_program_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="session-manager-plugin is not installed") as refused:
        find_plugin()
    assert "Session Manager plugin" in str(refused.value.hint)
    expected = plugin(tmp_path)
    assert find_plugin() == expected


def test_ctrl_c_is_for_the_program_in_the_container(tmp_path: Path) -> None:
    then = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: os._exit(9))\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()"
    )
    code = (
        "import sys; from gromit.adapters.session_plugin import join_session;"
        "from tests.adapters.test_session_plugin import *;"
        f"sys.exit(join_session({plugin(tmp_path, then=then)!r}, SESSION, TARGET, ENDPOINT))"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            assert process.wait(PATIENCE_S) == 9
        finally:
            process.kill()
