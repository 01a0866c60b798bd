"""The mocked tests of all roots and modules, run by one `terraform test`.

Testing each directory alone would cost an `init`, and a `validate` that starts the provider again.
So all test files go into one folder, and each of their runs names the module that it tests.
Terraform validates that module before the run, including resources that the run does not create. It
does not see a root's backend and provider block that way: roots are validated alone.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stacks.hcl import Directory
from tests.stacks.terraform import Terraform

RUNS = Path(__file__).parent / "runs"
"""Tests of all directories, each in a file with the name of its directory.

They are not in the directories, because `init` loads the tests of a root. OpenTofu does not know
all that they say, and people who apply a root do not need them.
"""

_RUN = re.compile(r'^run "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"\.(tftest|tofutest)\.(hcl|json)$")
_EXAMPLE = re.compile(r'^(    source = )"\./(.+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of the mocked tests of one directory."""

    statuses: Mapping[str, str]
    """Terraform's status of the test file and of each `FILE RUN`.

    The status is `pass`, `fail`, `error` or `skip`.
    """
    errors: str
    """Terraform's errors in the directory's files, and those that belong to no file."""


def mocked_tests(place: Directory, runs: Path = RUNS) -> Path:
    """Return the test file of a directory, which need not exist."""
    return runs / f"{place.path.name}.tftest.hcl"


def names_of_tests(folder: Path) -> list[str]:
    """Return the names in a folder that `init` and `test` read as tests."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.name == "tests" or _TEST.search(entry.name)
    )


def all_passed(place: Directory, runs: Path = RUNS) -> Mapping[str, str]:
    """Return the statuses of a directory in which the file and all its runs pass."""
    name, text = _file_name(place), mocked_tests(place, runs).read_text()
    return dict.fromkeys([name, *(f"{name} {run}" for run, _ in _RUN.findall(text))], "pass")


def outcomes(
    places: Sequence[Directory], tree: Path, mirror: Path, runs: Path = RUNS
) -> Mapping[str, Outcome]:
    """Return the outcome of each directory's tests, all run together in a copy of the tree.

    If terraform cannot load the files of one directory, it loads none of them. Then each directory
    is run alone, so that the others still get a result.
    """
    # This folder is as deep as a root, so that relative paths lead to the same files.
    terraform = Terraform(
        tree / "terraform" / f"tests-of-{len(places)}-from-{places[0].path.name}", mirror
    )
    _collect(places, runs, terraform.folder / "tests")
    begun = terraform("init", "-backend=false", "-input=false", "-no-color")
    if begun.returncode == 0:
        events = [json.loads(line) for line in terraform("test", "-json").stdout.splitlines()]
        return {place.name: _outcome(place, events) for place in places}
    if len(places) == 1:
        return {places[0].name: Outcome({}, begun.stdout + begun.stderr)}
    return {
        name: outcome
        for place in places
        for name, outcome in outcomes([place], tree, mirror, runs).items()
    }


def _file_name(place: Directory) -> str:
    """Return the name of a directory's test file among those of all directories."""
    return f"{place.name.replace('/', '.')}.tftest.hcl"


def _collect(places: Iterable[Directory], runs: Path, tests: Path) -> None:
    """Copy the test files of directories and the files they read, with the module of each run."""
    tests.mkdir(parents=True)
    for place in places:
        text = mocked_tests(place, runs).read_text()
        (tests / _file_name(place)).write_text(_pointed(text, place))
    for file in runs.glob("*.yaml"):
        shutil.copy(file, tests)


def _pointed(text: str, place: Directory) -> str:
    """Return the text of a test file in which each run names its module.

    A run of an example names its module already, relative to the directory.
    """
    source = f"../../{place.name}"

    def point(run: re.Match[str]) -> str:
        body, examples = _EXAMPLE.subn(rf'\1"{source}/\2"', run[2])
        module = "" if examples else f'  module {{\n    source = "{source}"\n  }}\n'
        return f'run "{run[1]}" {{\n{module}{body}}}'

    return _RUN.sub(point, text)


def _outcome(place: Directory, events: Sequence[Mapping[str, object]]) -> Outcome:
    name = _file_name(place)
    file = f"tests/{name}"
    statuses = {f"{name}{run}": status for path, run, status in _ends(events) if path == file}
    errors = (
        json.dumps(event["diagnostic"], indent=2)
        for event in events
        if event.get("@level") == "error"
        and event.get("@testfile") in {None, file}
        and "diagnostic" in event
    )
    return Outcome(statuses, "\n".join(errors))


def _ends(events: Sequence[Mapping[str, object]]) -> Iterator[tuple[object, str, str]]:
    """Yield file, run and status of each test that has ended.

    The run starts with a blank, and is empty for the file itself.
    """
    for event in events:
        ended = event.get(str(event["type"]))
        if isinstance(ended, Mapping) and ended.get("progress") == "complete":
            yield ended["path"], f" {ended['run']}" if "run" in ended else "", ended["status"]
