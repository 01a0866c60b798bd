"""An empty emulated AWS in its own process.

Nothing in the tests' process can reset it, and it never outlives the tests. As a program it serves
until its standard input ends.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

REGION = "eu-central-1"
ACCOUNT = "123456789012"
SECRET_KEY = "canary-the-credentials-of-the-operator"
"""Secret access key for terraform. No run may leave it behind anywhere."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """Address of the emulator."""

    url: str

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables in the shell of a person who applies a root."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def client(self, service: str) -> Any:
        """Return a client of one service."""
        session = boto3.Session(
            aws_access_key_id="emulated", aws_secret_access_key=SECRET_KEY, region_name=REGION
        )
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """Run an emulator for the duration of the block."""
    environ = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    argv = [sys.executable, __file__]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Emulator(process.stdout.readline().strip())
        finally:
            process.stdin.close()
            process.wait(30)


def main() -> None:
    """Serve until standard input ends."""
    gc.set_threshold(50_000, 20, 20)  # as in tests/conftest.py
    from gromit.local.aws import emulator  # noqa: PLC0415 - moto is for this process only

    with emulator.Emulator() as aws:
        print(aws.url, flush=True)  # noqa: T201 - this is how the parent learns the address
        sys.stdin.read()


if __name__ == "__main__":
    main()
