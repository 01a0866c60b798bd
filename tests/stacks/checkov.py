"""Run checkov, a scanner with third-party rules, over all Terraform: `make checkov`.

It has an environment of its own, `.venv-checkov`: its pins (of boto3, among others) contradict
ours. Nothing is downloaded and nothing is reported to a service. Each place is scanned in a run of
its own, because checkov skips most of the second directory when it gets two.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.stacks.hcl import PLATFORM, REPOSITORY, STACK, Directory

PROGRAM = REPOSITORY / ".venv-checkov" / "bin" / "checkov"
_OPTIONS = (
    "--framework",
    "terraform",
    "--skip-download",
    "--quiet",
    "--compact",
    "--output",
    "json",
)
_NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not exist, so that checkov cannot send anything."""
_SKIP = re.compile(r"checkov:skip\s*=\s*(\w*)\s*(?::\s*(.*))?")


def scanned(place: Path, program: Path = PROGRAM) -> Mapping[str, Any]:
    """Return checkov's answer for a directory and everything below it.

    Raises `ValueError` with its output if it gave no answer.
    """
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "http_proxy": _NOWHERE,
        "https_proxy": _NOWHERE,
    }
    argv = [str(program), "--directory", str(place), *_OPTIONS]
    done = subprocess.run(
        argv, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise ValueError(
            f"checkov gave no answer for {place}: {done.stdout}{done.stderr}"
        ) from error
    assert isinstance(answer, dict)
    return answer


def failures(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the failed checks, and a line if checkov scanned nothing."""
    if not answer.get("results"):
        yield "checkov has seen no resource"
        return
    if unread := answer["summary"]["parsing_errors"]:
        yield f"checkov cannot read {unread} of the files"
    for check in sorted(
        answer["results"]["failed_checks"],
        key=lambda c: (c["file_path"], c["file_line_range"], c["check_id"]),
    ):
        where = f"{check['file_path']}:{check['file_line_range'][0]}"
        yield f"{where} {check['resource']}: {check['check_id']} {check['check_name']}"


def unexplained(directory: Directory) -> Iterator[str]:
    """Yield the skips without a reason. A good one is `# checkov:skip=CKV_AWS_1:reason`."""
    for file, text in directory.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if (skip := _SKIP.search(line)) and (
                not re.fullmatch(r"CKV2?_[A-Z]+_\d+", skip[1]) or len((skip[2] or "").split()) < 4
            ):
                yield f"{file}:{number}: {line.strip()} does not say which check is skipped and why"


def main() -> int:
    """Scan everything. The exit code is 1 if a check failed."""
    found = [
        f"{place.name}{line}"
        for place in (STACK, PLATFORM)
        if place.exists()
        for line in failures(scanned(place))
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
