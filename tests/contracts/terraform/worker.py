"""A worker in its own process: it takes the lock and applies, or runs a person's terraform.

Run `python -m tests.contracts.terraform.worker apply|hand SETTINGS`. It prints each event.
"""

import json
import sys
import threading
from pathlib import Path

from gromit.core.stack.contract import ComponentInput, Platform, StackInput
from tests.contracts.terraform.cloud import Cloud
from tests.contracts.terraform.worlds import World


def main(action: str, text: str) -> int:
    """Run one action with settings in JSON."""
    settings = json.loads(text)
    mirror = Path(settings["mirror"]) if settings["mirror"] else None
    world = World(
        Cloud(settings["url"]),
        settings["command"],
        mirror,
        Path(settings["folder"]),
        Path(settings["cache"]),
    )
    inputs = settings["inputs"]
    components = {name: ComponentInput(**given) for name, given in inputs["components"].items()}
    environment = StackInput(
        name=inputs["name"], platform=Platform(**inputs["platform"]), components=components
    )
    with world.runner(Path(settings["stack"])) as runner:
        if action == "hand":
            return runner.run_for_person(environment, settings["arguments"])
        lock = world.lock(environment.name)
        print(lock.id, flush=True)  # noqa: T201 - the test listens
        runner.apply(environment, lock, lambda line: print(line, flush=True))  # noqa: T201
        return 0


if __name__ == "__main__":
    # A worker has many threads. The kernel signals the guard of terraform at the end of each.
    for _ in range(8):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    sys.exit(main(sys.argv[1], sys.argv[2]))
