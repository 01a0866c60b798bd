"""The config tree."""

from pathlib import Path

from gromit.adapters.config_tree.root import ConfigTree


def config_root(root: Path) -> ConfigTree:
    """Config tree below `root`. It is not read before it is used."""
    return ConfigTree(root)
