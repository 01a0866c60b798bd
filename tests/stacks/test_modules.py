"""Terraform's own checks of roots and modules: format, validity, and mocked tests."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stacks.hcl import PLATFORM, STACK, Directory, directories, everything
from tests.stacks.mocked import RUNS, Outcome, all_passed, mocked_tests, names_of_tests, outcomes
from tests.stacks.terraform import Terraform, copied

HERE = Path(__file__).parent

UNKNOWN = {"terraform/delegation": "Cloudflare's provider is not embedded"}
"""Directories that cannot be validated here, with the reason. Schema and policy still apply."""

PLACES = [place for place in directories() if place.name not in UNKNOWN]
ROOTS = [place for place in PLACES if place.is_root]
MODULES = [place for place in directories() if place.is_module]
TESTED = [place for place in directories() if mocked_tests(place).is_file()]


@pytest.mark.terraform
def test_everything_is_formatted(mirror: Path, tmp_path: Path) -> None:
    places = [str(place) for place in (STACK, PLATFORM, HERE) if place.exists()]
    done = Terraform(tmp_path, mirror)("fmt", "-check", "-recursive", "-diff", *places)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tested(
    request: pytest.FixtureRequest, mirror: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Outcome]:
    """The outcome of the mocked tests of each directory that this session selects."""
    names = {item.name for item in request.session.items}
    places = [place for place in TESTED if f"test_its_mocked_tests_pass[{place.name}]" in names]
    return outcomes(places, copied(tmp_path_factory.mktemp("mocked")), mirror)


@pytest.mark.terraform
@pytest.mark.xdist_group("mocked")
@pytest.mark.parametrize("place", TESTED, ids=lambda d: d.name)
def test_its_mocked_tests_pass(tested: Mapping[str, Outcome], place: Directory) -> None:
    outcome = tested[place.name]
    assert outcome.statuses == all_passed(place), outcome.errors


GOOD = """\
run "says_one" {
  command = plan
  assert {
    condition     = output.x == 1
    error_message = "not one"
  }
}
"""


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("main", "statuses", "said"),
    [
        ('output "x" {\n  value = 2\n}\n', {"": "fail", " says_one": "fail"}, "not one"),
        (
            'output "x" {\n  value = var.nowhere\n}\n',
            {"": "error", " says_one": "error"},
            "undeclared input variable",
        ),
        ('output "x" {\n', {}, "modules/bad/main.tf"),
    ],
)
def test_a_module_that_fails_is_named_and_the_others_still_pass(
    mirror: Path, tmp_path: Path, main: str, statuses: Mapping[str, str], said: str
) -> None:
    """Test two modules without resources, so that no provider starts."""
    texts = {"good": 'output "x" {\n  value = 1\n}\n', "bad": main}
    places = [
        Directory(f"modules/{name}", {}, is_root=False, path=tmp_path / "modules" / name)
        for name in texts
    ]
    runs = tmp_path / "runs"
    runs.mkdir()
    for place in places:
        place.path.mkdir(parents=True)
        (place.path / "main.tf").write_text(texts[place.path.name])
        mocked_tests(place, runs).write_text(GOOD)
    found = outcomes(places, tmp_path, mirror, runs)
    assert found["modules/good"] == Outcome(all_passed(places[0], runs), "")
    assert found["modules/bad"].statuses == {
        f"modules.bad.tftest.hcl{run}": status for run, status in statuses.items()
    }
    assert said in found["modules/bad"].errors


@pytest.mark.terraform
@pytest.mark.parametrize("place", ROOTS, ids=lambda d: d.name)
def test_every_root_is_valid(mirror: Path, tmp_path: Path, place: Directory) -> None:
    """Validate each root with its backend and its provider block, which mocked tests do not see."""
    terraform = Terraform(copied(tmp_path) / place.name, mirror)
    terraform.does("init", "-backend=false", "-input=false", "-no-color")
    terraform.does("validate", "-no-color")


@pytest.mark.parametrize("place", everything(), ids=lambda d: d.name)
def test_no_directory_contains_tests(place: Directory) -> None:
    """OpenTofu's `init` loads the tests of a root, and refuses what it does not know in them."""
    assert names_of_tests(place.path) == []


@pytest.mark.parametrize(
    "planted",
    ["tests/own.yaml", "tests/a.tftest.hcl", "a.tftest.hcl", "a.tftest.json", "a.tofutest.hcl"],
)
def test_tests_in_a_directory_are_found(tmp_path: Path, planted: str) -> None:
    (tmp_path / "main.tf").touch()
    (tmp_path / "modules").mkdir()
    assert names_of_tests(tmp_path) == []
    (tmp_path / planted).parent.mkdir(exist_ok=True)
    (tmp_path / planted).touch()
    assert names_of_tests(tmp_path) == [planted.partition("/")[0]]


def test_every_file_of_tests_belongs_to_one_directory() -> None:
    names = sorted(place.path.name for place in TESTED)
    assert names == sorted(file.name.partition(".")[0] for file in RUNS.glob("*.tftest.hcl"))


@pytest.mark.parametrize("place", MODULES, ids=lambda d: d.name)
def test_every_module_has_tests(place: Directory) -> None:
    assert mocked_tests(place).is_file()


@pytest.mark.parametrize(
    "place",
    [place for place in MODULES if not place.path.is_relative_to(STACK)],
    ids=lambda d: d.name,
)
def test_every_module_has_examples_and_each_is_run(place: Directory) -> None:
    examples = {
        f"./examples/{example.path.name}"
        for example in everything()
        if example.path.parents[1] == place.path
    }
    assert examples
    text = mocked_tests(place).read_text()
    assert examples == set(re.findall(r'source\s*=\s*"(\./[^"]+)"', text))


@pytest.mark.parametrize("place", TESTED, ids=lambda d: d.name)
def test_every_validation_is_seen_to_refuse(place: Directory) -> None:
    """A variable with several validations needs a run for each of them."""
    text = mocked_tests(place).read_text()
    expected = re.findall(r"expect_failures\s*=\s*\[([^\]]*)\]", text)
    refusals = Counter(name for names in expected for name in re.findall(r"var\.(\w+)", names))
    validations = Counter(
        {block.name: len(block.body.get("validation", [])) for block in place.blocks("variable")}
    )
    assert refusals.keys() == (+validations).keys()
    assert validations <= refusals


@pytest.mark.terraform
@pytest.mark.parametrize(
    "place", [place for place in directories() if place.name in UNKNOWN], ids=lambda d: d.name
)
def test_what_is_not_validated_cannot_be(mirror: Path, tmp_path: Path, place: Directory) -> None:
    terraform = Terraform(copied(tmp_path) / place.name, mirror)
    commands = (("init", "-backend=false", "-input=false"), ("validate",))
    assert any(terraform(*command, "-no-color").returncode for command in commands), (
        "it is valid here, so it must not be listed"
    )
