"""The reference of the stacks lists all roots and modules, their parameters, inputs and outputs."""

import json
import re
from collections.abc import Callable
from dataclasses import fields

import pytest

from gromit.adapters.aws.platform_parameter import parse_platform
from gromit.adapters.aws.state_bucket import lock_key
from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.doctor.quotas import CODES
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota, per_environment
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.component_inputs import ResolvedInputs, component_inputs
from gromit.core.stack.contract import ComponentInput, Platform, StackInput, StackOutput
from gromit.core.stack.secrets import SecretState, SecretStatus
from gromit.core.stack.terraform import state_key
from tests.docs.markdown import read, table
from tests.stacks import overview
from tests.stacks.hcl import Directory, directories, directory, everything

TEXT = read("reference/stacks.md")
ROOT = directory("src/gromit/stacks/devenv")
MODULES = [place for place in directories() if place.path.is_relative_to(ROOT.path / "modules")]
PARAMETERS = {
    ("terraform/base", "base"): "## The parameter of base",
    ("terraform/infra", "platform"): "## The platform",
}
"""Map from a root and the resource of its parameter to the heading of the fields."""


def test_the_list_of_roots_and_modules_is_up_to_date() -> None:
    """If not: `make docs`."""
    assert overview.renewed(TEXT, directories()) == TEXT


@pytest.mark.parametrize(
    ("readme", "message"), [("# devenv", "must begin with `# bad: …`"), ("# bad: one", "")]
)
def test_every_root_says_in_its_title_what_it_is(readme: str, message: str) -> None:
    place = Directory(
        name="bad",
        texts={"README.md": f"{readme}\n"},
        is_root=True,
        path=ROOT.path.with_name("bad"),
    )
    if message:
        with pytest.raises(ValueError, match=message):
            overview.overview([place])
    else:
        assert "| one |" in overview.overview([place])


def test_a_page_without_a_place_for_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the list of roots"):
        overview.renewed("nothing", [ROOT])


@pytest.mark.parametrize(
    ("root", "label"),
    [key for key in PARAMETERS if key[0] in {place.name for place in everything()}],
)
def test_every_field_of_a_parameter_is_there(root: str, label: str) -> None:
    (block,) = (
        b for b in directory(root).blocks("resource") if b.labels == ("aws_ssm_parameter", label)
    )
    text = str(block.body["value"])
    if named := re.fullmatch(r"\$\{local\.(\w+)\}", text):
        (text,) = (
            str(b.body[named[1]]) for b in directory(root).blocks("locals") if named[1] in b.body
        )
    written = re.findall(r"(\w+)\s*=(?![>=])", text)
    assert sorted(written) == sorted(table(TEXT, PARAMETERS[root, label]))


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _type_of(variable: str) -> str:
    (block,) = (b for b in ROOT.blocks("variable") if b.name == variable)
    return str(block.body["type"])


@pytest.mark.parametrize(
    ("heading", "ours", "theirs"),
    [
        ("## The platform", lambda: _names(Platform), lambda: _fields_of("platform")),
        ("### A component", lambda: _names(ComponentInput), lambda: _fields_of("components")),
        (
            "## Inputs",
            lambda: _names(StackInput),
            lambda: [b.name for b in ROOT.blocks("variable")],
        ),
        ("## Output", lambda: _names(StackOutput), lambda: [b.name for b in ROOT.blocks("output")]),
    ],
)
def test_every_field_is_there_and_the_stack_has_the_same(
    heading: str, ours: Callable[[], list[str]], theirs: Callable[[], list[str]]
) -> None:
    documented = list(table(TEXT, heading))
    assert documented == ours()
    assert sorted(documented) == sorted(theirs())


def _fields_of(variable: str) -> list[str]:
    """Return the fields of a variable; those of objects within it are left out."""
    fields, depth = [], 0
    for found in re.finditer(r"(\w+)\s*=\s|[{}]", _type_of(variable).removeprefix("${")):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found[1] and depth == 1:
            fields.append(found[1])
    return fields


def test_the_examples_of_the_platform_are_a_platform() -> None:
    assert _platform().region == "eu-central-1"


def test_every_label_is_there() -> None:
    component = Component(
        name="tyk", repository="tyk", config_path="/conf", secrets={"KEY": "portal-key"}
    )
    sources = ResolvedInputs(
        environment="app-test",
        catalogue=Catalogue({"tyk": component}),
        versions={"tyk": "v1"},
        digests={("tyk", "v1"): "sha256:0"},
        platform=_platform(),
        config_hashes={"tyk": "0"},
        redeploys={"tyk": "1"},
        secrets={"portal-key": SecretState(SecretStatus.SET, "arn", "1")},
    )
    assert list(table(TEXT, "### Labels")) == list(component_inputs(sources)["tyk"].labels)


def _platform() -> Platform:
    examples = {
        name: json.loads(row[0].strip("`")) for name, row in table(TEXT, "## The platform").items()
    }
    return parse_platform(json.dumps(examples), "example")


def test_every_resource_is_there() -> None:
    made = {b.labels[0] for d in (ROOT, *MODULES) for b in d.blocks("resource")}
    assert set(table(TEXT, "## Resources")) == made


def test_names_are_those_of_the_files() -> None:
    assert _literals(ROOT) >= {"/gromit/${var.name}", "${var.name}"}
    (module,) = MODULES
    assert 'full_name = "${var.env}--${var.name}"' in module.code()
    assert 'name        = "gromit--${local.full_name}"' in module.code()
    assert 'name = "${var.name}.${var.env}"' in module.code()
    assert 'path = "/${var.env}/${var.name}"' in module.code()


def _literals(directory: Directory) -> set[str]:
    return {str(b.body.get("name")) for b in directory.blocks("resource")}


def test_the_state_is_where_the_page_says() -> None:
    assert f"as `{state_key('app-test')}`; terraform's lock is `{lock_key('app-test')}`" in TEXT


def test_the_cost_of_an_environment_is_computed_from_its_size() -> None:
    """Compare amounts, and sums with the prices on the page."""
    components = catalogue_file.load_catalogue(None, None).components.values()
    vcpu, gib = sum(c.cpu for c in components) / 1024, sum(c.memory for c in components) / 1024
    public = sum(c.public for c in components)
    rows = table(TEXT, "### One environment")
    assert rows["Fargate"][0] == f"{vcpu:g} vCPU and {gib:g} GiB in {len(components)} tasks"
    assert rows["public IPv4 addresses, one a public component"][0] == str(public)
    core, memory = (float(found) for found in re.findall(r"(0\.0\d+) \$ a (?:vCPU|GiB)-hour", TEXT))
    daily = 24 * 1.15 * (vcpu * core + gib * memory)
    assert rows["Fargate"][1:] == [f"{daily:.2f} $", f"{daily * 730 / 24:.0f} $"]
    assert rows["public IPv4 addresses, one a public component"][1:] == [
        f"{24 * 0.005 * public:.2f} $",
        f"{730 * 0.005 * public:.0f} $",
    ]


def test_the_room_to_ask_for_holds_as_many_environments_as_the_page_says() -> None:
    """The need of the control plane itself is compared where its parts are applied.

    While an environment is rolled out, it has each of its tasks twice.
    """
    page = read("how-to/install-on-aws.md")
    own, each = (
        float(found)
        for found in re.findall(
            r"up to ([\d.]+) for itself and ([\d.]+) for each environment", page
        )[0]
    )
    asked, held = (
        int(found)
        for found in re.findall(r"at least (\d+) first, which hold (\d+) environments", page)[0]
    )
    shipped = catalogue_file.load_catalogue(None, None)
    assert each == per_environment(shipped)[Quota.VCPU]
    assert (asked - own - each) // each == held
    service, quota = CODES[Quota.VCPU]
    assert f"--service-code {service} --quota-code {quota} --desired-value {asked}" in page
    assert f"may run {DEFAULT_LIMITS[Quota.VCPU].limit} vCPU" in page
