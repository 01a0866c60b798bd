"""`terraform -chdir=ROOT COMMAND …` for pages, with the embedded Terraform and its provider.

It takes credentials and the emulator's address from the environment, as the program does that an
operator has. It asks nothing.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.platform.roots import Engine, Root, TerraformError
from tests.terraforms import shell_variables, unpacked_provider

_CHANGED = 2
_ASKS = {"apply": ("-auto-approve",)}


def main(words: Sequence[str]) -> int:
    """Run one command. Return its exit code."""
    place, command, *rest = words
    found = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    root = Root(
        Path(place.removeprefix("-chdir=")).resolve(),
        Engine(unpacked_provider()),
        {**shell_variables(), **found},
    )
    try:
        done = root.run(command, *_ASKS.get(command, ()), *rest, accepted=(0, _CHANGED))
    except TerraformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
