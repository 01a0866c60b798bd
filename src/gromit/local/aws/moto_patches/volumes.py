"""EFS: policies of file systems."""

from typing import Any

from moto.efs.responses import EFSResponse

from gromit.local.aws.moto_patches.patches import Patches


def delete_policies(patches: Patches) -> None:
    """AWS deletes a file system's policy (DeleteFileSystemPolicy)."""

    def delete_file_system_policy(response: Any) -> tuple[str, dict[str, str]]:
        file_system_id = response._get_param("FileSystemId")
        # Raises an error if the file system does not exist.
        response.efs_backend.describe_file_systems(file_system_id=file_system_id)
        response.efs_backend.put_file_system_policy(
            file_system_id, None, bypass_policy_lockout_safety_check=True
        )
        return "", {"Content-Type": "application/json"}

    patches.add(EFSResponse, "delete_file_system_policy", delete_file_system_policy)
