"""The mocked tests of all roots and modules, run by one `terraform test`.

Each directory alone would cost an `init`, and a `validate` that starts the provider once more. So all test files go into one
folder, and each of their runs names the module it tests. Terraform validates that module before the run, resources that the
run creates none of included. It does not see a root's backend and provider block there: roots are validated alone.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stacks.hcl import Directory
from tests.stacks.terraform import Terraform

HERE = Path(__file__).parent

SHIPPED = {
    "src/gromit/stacks/devenv": "devenv.tftest.hcl",
    "src/gromit/stacks/devenv/modules/component": "component.tftest.hcl",
}
"""Directories that go out in the wheel, which holds neither tests nor examples: their tests are beside this file."""

_RUN = re.compile(r'^run "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r'^(    source = )"\./(.+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of the mocked tests of one directory."""

    statuses: Mapping[str, str]
    """Test file, and each `FILE RUN`, to terraform's word for how it ended: `pass`, `fail`, `error` or `skip`."""
    errors: str
    """All that terraform objected to in its files, and in no file."""


def mocked_tests(place: Directory) -> list[Path]:
    """Test files of a directory; none if it has no tests."""
    if place.name in SHIPPED:
        return [HERE / SHIPPED[place.name]]
    return sorted((place.path / "tests").glob("*.tftest.hcl"))


def all_passed(place: Directory) -> Mapping[str, str]:
    """Statuses of a directory whose files and runs have all passed."""
    runs = (
        f"{name} {run}" for name, file in _files(place) for run, _ in _RUN.findall(file.read_text())
    )
    return dict.fromkeys([*(name for name, _ in _files(place)), *runs], "pass")


def outcomes(places: Sequence[Directory], tree: Path, mirror: Path) -> Mapping[str, Outcome]:
    """Directory to the outcome of its tests, all run together, in a copy of the tree that the directories are in.

    If the files of one cannot even be loaded, none can: then each is run alone, so that the others still say how they are.
    """
    # As deep as a root is, so that paths relative to the folder that terraform runs in lead to the same files.
    terraform = Terraform(
        tree / "terraform" / f"tests-of-{len(places)}-from-{places[0].path.name}", mirror
    )
    for place in places:
        _collect(place, terraform.folder / "tests")
    begun = terraform("init", "-backend=false", "-input=false", "-no-color")
    if begun.returncode == 0:
        events = [json.loads(line) for line in terraform("test", "-json").stdout.splitlines()]
        return {place.name: _outcome(place, events) for place in places}
    if len(places) == 1:
        return {places[0].name: Outcome({}, begun.stdout + begun.stderr)}
    return {
        name: outcome
        for place in places
        for name, outcome in outcomes([place], tree, mirror).items()
    }


def _files(place: Directory) -> list[tuple[str, Path]]:
    """Test files of a directory, each with its name among those of all."""
    return [(f"{place.name.replace('/', '.')}.{file.name}", file) for file in mocked_tests(place)]


def _collect(place: Directory, tests: Path) -> None:
    """Copy the test files of a directory, each run pointed to it, and what they read."""
    tests.mkdir(parents=True, exist_ok=True)
    for name, file in _files(place):
        (tests / name).write_text(_pointed(file.read_text(), place))
    for file in (place.path / "tests").glob("*.yaml"):
        assert not (tests / file.name).exists(), f"two directories have tests/{file.name}"
        shutil.copy(file, tests)


def _pointed(text: str, place: Directory) -> str:
    """The text of a test file with the module of each run. A run of an example names it already, relative to the directory."""
    source = f"../../{place.name}"

    def point(run: re.Match[str]) -> str:
        body, examples = _EXAMPLE.subn(rf'\1"{source}/\2"', run[2])
        module = "" if examples else f'  module {{\n    source = "{source}"\n  }}\n'
        return f'run "{run[1]}" {{\n{module}{body}}}'

    return _RUN.sub(point, text)


def _outcome(place: Directory, events: Sequence[Mapping[str, object]]) -> Outcome:
    names = {f"tests/{name}": name for name, _ in _files(place)}
    statuses = {
        f"{names[path]}{run}": status for path, run, status in _ends(events) if path in names
    }
    errors = (
        json.dumps(event["diagnostic"], indent=2)
        for event in events
        if event.get("@level") == "error"
        and event.get("@testfile") in {None, *names}
        and "diagnostic" in event
    )
    return Outcome(statuses, "\n".join(errors))


def _ends(events: Sequence[Mapping[str, object]]) -> Iterator[tuple[object, str, str]]:
    """File, run with a blank before it (nothing for the file itself) and status of all that has ended."""
    for event in events:
        ended = event.get(str(event["type"]))
        if isinstance(ended, Mapping) and ended.get("progress") == "complete":
            yield ended["path"], f" {ended['run']}" if "run" in ended else "", ended["status"]
