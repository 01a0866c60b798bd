"""`gromit ui` as a process."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2


@contextmanager
def run_ui(
    variables: Mapping[str, str], *options: str
) -> Iterator[tuple[subprocess.Popen[str], httpx2.URL]]:
    """Run the command. Yield the process, and the address that it prints."""
    command = [sys.executable, "-m", "gromit", "ui", "-o", "json", *options]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("}\n"):
                line = process.stdout.readline()
                assert line, f"it ended after {text!r}"
                text += line
            yield process, httpx2.URL(json.loads(text)["url"])
        finally:
            process.kill()
