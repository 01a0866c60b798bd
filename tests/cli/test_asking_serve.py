"""Modules that commands import which do no more than ask serve: each makes every call slower."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import click
import pytest

from gromit.cli import COMMANDS, root
from tests.cli.test_start_up import NEVER, credentials

__all__ = ["credentials"]

MODULES = 260
"""Modules of such a command, Python's own included: 237 of the largest today."""
OTHERS = frozenset(
    {
        *("serve", "gateway", "sow", "reap", "chitragupta", "ui", "local", "login", "logout"),
        *("cluster", "secrets", "doctor", "migrate", "terraform", "env exec", "env unlock"),
        *("config", "root", "pki", "token", "catalogue", "completion"),
    }
)
"""Commands and groups that are servers, use AWS, or ask this machine alone."""
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "env create": ("app", "tyk=sha"),
    "env diff": ("app", "bpp"),
    "env extend": ("app", "2h"),
    "env open": ("app", "tyk"),
    "env replace": ("app", "tyk=sha"),
    "env set": ("app", "tyk=sha"),
    "suspend": ("list",),
}
"""Arguments; one name by default, and none for a command that is in no group."""
MORE: Mapping[str, tuple[str, ...]] = {
    "plan": ("gromit.core.environments",),
    **dict.fromkeys(("suspend", "resume", "whoami"), ("gromit.adapters",)),
}
"""Modules that a command needs besides."""
RUN = """
import json, sys
from gromit.cli import run
found, known = {}, set(sys.modules)
for command in json.loads(sys.argv[1]):
    code = run(command)
    found[" ".join(command)] = [code, sorted(set(sys.modules) - known)]
    known |= set(sys.modules)
print("@" + json.dumps([found, len(sys.modules)]))
"""


class _Unknown(BaseHTTPRequestHandler):
    """Knows no environment: a command ends with the first answer."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.dumps({"error": "there is none", "code": "not_found", "hint": None}).encode()
        self.send_response(404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _commands() -> Iterator[str]:
    """Yield the commands that only ask serve, also those that will be added."""
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else ()
        for each in [f"{name} {word}" for word in inner] or [name]:
            if OTHERS.isdisjoint({name, each}):
                yield each


def _arguments(command: str) -> list[str]:
    default = ("app",) if " " in command and command != "env list" else ()
    return [*command.split(), *ARGUMENTS.get(command, default)]


def test_commands_that_ask_serve_import_a_client_and_no_more(
    credentials: Mapping[str, str], tmp_path: Path
) -> None:
    commands = [_arguments(command) for command in _commands()]
    assert len(commands) > 25
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_", "COV"))}
    with ThreadingHTTPServer(("127.0.0.1", 0), _Unknown) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(commands)],
            env={
                **ours,
                **credentials,
                "HOME": str(tmp_path),
                "GROMIT_SERVE_URL": f"http://127.0.0.1:{server.server_port}",
            },
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr[-2000:]
    found, count = json.loads(done.stdout.rpartition("@")[2])
    codes = {command: code for command, (code, _) in found.items()}
    assert {command: code for command, code in codes.items() if code != 1} == {}
    assert _Unknown.asked >= len(commands)
    unwanted = {
        command: [m for m in new if _is_unwanted(m, MORE.get(command.split()[0], ()))]
        for command, (_, new) in found.items()
    }
    assert {command: new for command, new in unwanted.items() if new} == {}
    assert count <= MODULES + 60  # of all of them together


def _is_unwanted(module: str, allowed: tuple[str, ...]) -> bool:
    return _is_below(module, NEVER) and not _is_below(module, allowed)


def _is_below(module: str, roots: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in roots)


@pytest.mark.parametrize("command", ["env get app", "audit", "env logs app"])
def test_a_command_imports_few_modules(
    command: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps([command.split()])],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "COV"))},
            **credentials,
            "HOME": str(tmp_path),
            "GROMIT_SERVE_URL": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    _, count = json.loads(done.stdout.rpartition("@")[2])
    assert count <= MODULES
