"""The config tree on the shared volume."""
