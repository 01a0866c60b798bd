"""Commands of gromit for tests, as processes that need not start Python again."""

from tests.commands.client import run_gromit

__all__ = ["run_gromit"]
