"""Commands of gromit for tests, as processes that need not start Python again."""

from tests.commands.client import Fork, run_gromit, run_hook, start_module

__all__ = ["Fork", "run_gromit", "run_hook", "start_module"]
