"""Roots and modules held by terraform itself: formatted, valid, and planned against a mocked provider."""

import re
import shutil
from pathlib import Path

import pytest

from tests.stacks.hcl import PLATFORM, STACK, Directory, directories, everything
from tests.stacks.terraform import Terraform, copied

HERE = Path(__file__).parent

UNKNOWN = {"terraform/delegation": "Cloudflare's provider is not embedded"}
"""What cannot be validated here, and why; the schema and the policy hold it all the same."""

SHIPPED = {
    "src/gromit/stacks/devenv": "devenv.tftest.hcl",
    "src/gromit/stacks/devenv/modules/component": "component.tftest.hcl",
}
"""What goes out in the wheel, which holds neither tests nor examples: its tests stand here. The root is the module's example."""

PLACES = [place for place in directories() if place.name not in UNKNOWN]
MODULES = [place for place in directories() if place.is_module]


def mocked_tests(place: Directory) -> list[Path]:
    if place.name in SHIPPED:
        return [HERE / SHIPPED[place.name]]
    return sorted((place.path / "tests").glob("*.tftest.hcl"))


@pytest.mark.terraform
def test_everything_is_formatted(mirror: Path, tmp_path: Path) -> None:
    places = [str(place) for place in (STACK, PLATFORM, HERE) if place.exists()]
    done = Terraform(tmp_path, mirror)("fmt", "-check", "-recursive", "-diff", *places)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.terraform
@pytest.mark.parametrize("place", PLACES, ids=lambda d: d.name)
def test_it_is_valid_and_its_mocked_tests_pass(mirror: Path, tmp_path: Path, place: Directory) -> None:
    terraform = Terraform(copied(tmp_path) / place.name, mirror)
    tests = mocked_tests(place)
    (terraform.folder / "tests").mkdir(exist_ok=True)
    for file in tests:
        shutil.copy(file, terraform.folder / "tests")
    terraform.does("init", "-backend=false", "-input=false", "-no-color")
    terraform.does("validate", "-no-color")
    if tests:
        said = terraform.does("test", "-no-color")
        assert " 0 failed" in said
        runs = sum(len(re.findall(r"^run ", file.read_text(), re.MULTILINE)) for file in tests)
        assert said.count("... pass") == runs + len(tests), "each run, and each file"


@pytest.mark.parametrize("place", MODULES, ids=lambda d: d.name)
def test_every_module_has_tests(place: Directory) -> None:
    assert mocked_tests(place)


@pytest.mark.parametrize("place", [place for place in MODULES if place.name not in SHIPPED], ids=lambda d: d.name)
def test_every_module_has_examples_and_each_is_run(place: Directory) -> None:
    examples = {f"./examples/{example.path.name}" for example in everything() if example.path.parents[1] == place.path}
    assert examples
    assert examples == {
        source for file in mocked_tests(place) for source in re.findall(r'source\s*=\s*"(\./[^"]+)"', file.read_text())
    }


@pytest.mark.parametrize("place", [place for place in directories() if mocked_tests(place)], ids=lambda d: d.name)
def test_every_validation_is_seen_to_refuse(place: Directory) -> None:
    text = "".join(file.read_text() for file in mocked_tests(place))
    refused = {
        name for names in re.findall(r"expect_failures\s*=\s*\[([^\]]*)\]", text) for name in re.findall(r"var\.(\w+)", names)
    }
    assert refused == {block.name for block in place.blocks("variable") if block.body.get("validation")}


@pytest.mark.terraform
@pytest.mark.parametrize("place", [place for place in directories() if place.name in UNKNOWN], ids=lambda d: d.name)
def test_what_is_not_validated_cannot_be(mirror: Path, tmp_path: Path, place: Directory) -> None:
    terraform = Terraform(copied(tmp_path) / place.name, mirror)
    commands = (("init", "-backend=false", "-input=false"), ("validate",))
    assert any(terraform(*command, "-no-color").returncode for command in commands), "it is valid here: it need not be listed"
