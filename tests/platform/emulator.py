"""An empty emulated AWS."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from tests.emulators import emulated_aws
from tests.terraforms import shell_variables

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
            **shell_variables(),
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
    with emulated_aws() as url:
        yield Emulator(url)
