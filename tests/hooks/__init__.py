"""The scripts in `hooks`, run as they are."""
