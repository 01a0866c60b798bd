"""Additional file of the terraform stack that points the AWS provider to the emulator.

The provider honours `AWS_ENDPOINT_URL` from version 5 on. Version 3.39 does not, and needs every
endpoint by name. These names exist in all versions.
"""

from pathlib import Path

from gromit.adapters.private_files import write_atomically

_SERVICES = ("cloudwatchlogs", "ec2", "ecs", "efs", "iam", "servicediscovery", "sts")
_NAME = "endpoints_override.tf"


def write_overlay(folder: Path, url: str) -> None:
    """Write the folder for `terraform.overlay`."""
    folder.mkdir(exist_ok=True)
    endpoints = "".join(f'    {service:<16} = "{url}"\n' for service in _SERVICES)
    write_atomically(
        folder / _NAME,
        (
            'provider "aws" {\n'
            "  skip_credentials_validation = true\n"
            "  skip_metadata_api_check     = true\n\n"
            f"  endpoints {{\n{endpoints}  }}\n}}\n"
        ).encode(),
    )
