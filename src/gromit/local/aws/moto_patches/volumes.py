"""EFS: the policies of file systems."""

from typing import Any

from moto.efs.responses import EFSResponse

from gromit.local.aws.moto_patches.patches import Patches


def delete_policies(mending: Patches) -> None:
    """AWS takes a file system's policy away again (DeleteFileSystemPolicy), and then knows of none."""

    def delete_file_system_policy(answer: Any) -> tuple[str, dict[str, str]]:
        file_system_id = answer._get_param("FileSystemId")
        answer.efs_backend.describe_file_systems(
            file_system_id=file_system_id
        )  # raises if there is none
        answer.efs_backend.put_file_system_policy(
            file_system_id, None, bypass_policy_lockout_safety_check=True
        )
        return "", {"Content-Type": "application/json"}

    mending.add(EFSResponse, "delete_file_system_policy", delete_file_system_policy)
