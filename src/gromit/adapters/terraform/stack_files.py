"""Hash of the packaged stack, so that a new release of the stack counts as a change."""

from pathlib import Path

from gromit.adapters.terraform.session import DEVENV
from gromit.core.stack.config_files import folder_hash


def stack_hash(stack: Path = DEVENV) -> str:
    """Return the SHA-256 (hex) of the names and contents of all `*.tf` files of a stack."""
    files = sorted(p for p in stack.rglob("*.tf") if p.is_file())
    return folder_hash((p.relative_to(stack).as_posix().encode(), p.read_bytes()) for p in files)
