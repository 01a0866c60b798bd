"""Style rules for the Terraform files. Each rule is a function that yields the violations."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from tests.stacks.hcl import Block, Directory, texts_in
from tests.stacks.schema import SCHEMA

Rule = Callable[[Directory], Iterator[str]]

_PLACES = {
    "variable": r"variables(_\w+)?.tf",
    "output": r"outputs(_\w+)?.tf",
    "terraform": r"versions.tf",
    "provider": r"providers.tf",
}
"""File names for each kind of block. A large root has several files: `variables_control.tf`."""
_TAGLESS = frozenset({"aws_lb_listener"})
"""Types without tags in provider 3.39, although later versions have them."""
_NOT_IAM = frozenset({"aws_ecr_lifecycle_policy"})
"""Types whose `policy` is not an IAM policy."""
_WAYS_IN = frozenset(
    {
        "aws_security_group",
        "aws_default_security_group",
        "aws_security_group_rule",
        "aws_vpc_security_group_ingress_rule",
    }
)
_WORLD = re.compile(r"0\.0\.0\.0/0|::/0")
_FOR_PUBLIC_ONES = '${var.definition.public ? "0.0.0.0/0" : var.platform.vpc_cidr}'


def variables_are_typed(directory: Directory) -> Iterator[str]:
    """Every variable has an exact type, never `any`."""
    for block in directory.blocks("variable"):
        if not re.search(r"\w", str(block.body.get("type", ""))) or re.search(
            r"\bany\b", str(block.body["type"])
        ):
            yield f"{block} has no exact type"


def variables_are_described(directory: Directory) -> Iterator[str]:
    """Every variable has a description: a sentence with an example, or with its lower bound."""
    for block in directory.blocks("variable"):
        text = str(block.body.get("description", ""))
        if not (text.endswith(".") and ("for example" in text or "at least" in text)):
            yield f"{block} has no description with an example"


def variables_are_never_null(directory: Directory) -> Iterator[str]:
    """Every variable has `nullable = false`: null is a mistake, not a value."""
    for block in directory.blocks("variable"):
        if block.body.get("nullable") is not False:
            yield f"{block} is nullable"


def variables_are_validated(directory: Directory) -> Iterator[str]:
    """Every variable has a validation, so that terraform refuses early what AWS would refuse late.

    A plain `bool` has none, because none could fail.
    """
    for block in directory.blocks("variable"):
        plain = block.body.get("type") == "bool"
        if plain and block.body.get("validation"):
            yield f"{block} is a bool, and its validation cannot fail"
        if not plain and not block.body.get("validation"):
            yield f"{block} has no validation"


def variables_are_used(directory: Directory) -> Iterator[str]:
    """Every variable is used, and so is each of its attributes, unless it is passed on whole."""
    users = directory.blocks("resource", "data", "module", "locals", "output", "provider", "check")
    outside = "\n".join(text for block in users for text in texts_in(block.body))
    for block in directory.blocks("variable"):
        name = rf"\bvar\.{block.name}\b"
        if not re.search(name, outside):
            yield f"{block} is not used"
        elif not re.search(rf"{name}(?!\.)", outside):
            attributes = re.findall(r"(\w+)\s*=", str(block.body.get("type")))
            yield from (
                f"{block}: {a} is not used"
                for a in attributes
                if not re.search(rf"{name}\.([\w.]+\.)?{a}\b", outside)
            )


def locals_are_used(directory: Directory) -> Iterator[str]:
    """Every local value is used."""
    for block in directory.blocks("locals"):
        yield from (
            f"local.{name} is not used"
            for name in block.body
            if not re.search(rf"\blocal\.{name}\b", directory.code())
        )


def outputs_are_described(directory: Directory) -> Iterator[str]:
    """Every output has a description."""
    for block in directory.blocks("output"):
        if not str(block.body.get("description", "")).endswith("."):
            yield f"{block} has no description"


def files_are_the_usual_ones(directory: Directory) -> Iterator[str]:
    """Every directory has the same files, so that they are easy to find, and no file is long."""
    yield from (f"{file} is missing" for file in _usual(directory) if file not in directory.texts)
    for block in directory.blocks(*_PLACES):
        if not re.fullmatch(_PLACES[block.kind], block.file):
            yield f"{block} is in {block.file}"
    for file, text in directory.texts.items():
        if len(text.splitlines()) > 200:
            yield f"{file} is longer than 200 lines"


def _usual(directory: Directory) -> tuple[str, ...]:
    if directory.is_example:
        return ("main.tf", "versions.tf")
    return (
        "versions.tf",
        "variables.tf",
        "outputs.tf",
        "README.md",
        *(["providers.tf"] if directory.is_root else []),
    )


def modules_configure_nothing(directory: Directory) -> Iterator[str]:
    """Only roots configure providers and backends."""
    if not directory.is_root:
        yield from (str(block) for block in directory.blocks("provider"))
        yield from (
            f"{block} has a backend"
            for block in directory.blocks("terraform")
            if {"backend", "cloud"} & block.body.keys()
        )


def versions_are_bounded(directory: Directory) -> Iterator[str]:
    """Every provider has its full address, a lowest and a highest version."""
    settings = directory.blocks("terraform")
    if not any("required_version" in block.body for block in settings):
        yield "no required_version"
    for block in settings:
        for providers in block.body.get("required_providers", [{}]):
            for name, provider in providers.items():
                if not re.fullmatch(r"[\w.-]+/[\w-]+/[\w-]+", provider.get("source", "")):
                    yield f"{name} has no full address"
                if not re.search(r">= ?\d.*< ?\d", provider.get("version", "")):
                    yield f"{name} is not bounded"


def clouds_are_named(directory: Directory) -> Iterator[str]:
    """Every cloud block names its host: Terraform has a default that OpenTofu lacks."""
    for block in directory.blocks("terraform"):
        yield from (
            f"{block} names no host for its state"
            for cloud in block.body.get("cloud", [])
            if not cloud.get("hostname")
        )


def modules_are_ours(directory: Directory) -> Iterator[str]:
    """Every module has a relative path: nothing is downloaded."""
    for block in directory.blocks("module"):
        if not str(block.body.get("source", "")).startswith(("./", "../")):
            yield f"{block} comes from {block.body.get('source')}"


def resources_are_tagged(directory: Directory) -> Iterator[str]:
    """Every resource that supports tags has some."""
    for block in directory.blocks("resource"):
        if (
            block.labels[0] not in _TAGLESS
            and "tags" in SCHEMA["resources"].get(block.labels[0], {})
            and "tags" not in block.body
        ):
            yield f"{block} has no tags"


def names_are_plain(directory: Directory) -> Iterator[str]:
    """Names are in snake_case, and a label never repeats its type."""
    for block in directory.blocks("resource", "module", "variable", "output"):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", block.name):
            yield f"{block} is not in snake_case"
        if block.kind == "resource" and block.name in block.labels[0].split("_"):
            yield f"{block} repeats its type"


def only_public_components_are_open_to_the_world(directory: Directory) -> Iterator[str]:
    """Only one expression admits the whole internet.

    Addresses from variables are checked in the plan: tests/stacks/plans.py.
    """
    for block in directory.blocks("resource"):
        for way_in in _ways_in(block):
            yield from (
                f"{block}: {text}"
                for text in texts_in(way_in)
                if _WORLD.search(text) and text != _FOR_PUBLIC_ONES
            )


def _ways_in(block: Block) -> Iterator[object]:
    if "ingress" in block.body:
        yield block.body["ingress"]
    if (
        block.labels[0] in _WAYS_IN
        and block.body.get("type") != "egress"
        and "egress" not in block.body
    ):
        yield dict(block.body)


def policies_are_documents(directory: Directory) -> Iterator[str]:
    """IAM policies come from `aws_iam_policy_document`: only AWS finds a typo in a literal."""
    for block in directory.blocks("resource"):
        for argument in ("policy", "assume_role_policy"):
            text = str(block.body.get(argument, ""))
            if block.labels[0] not in _NOT_IAM and ("jsonencode" in text or "Statement" in text):
                yield f"{block}: {argument} is no document"


def wildcards_are_explained(directory: Directory) -> Iterator[str]:
    """Every `*` for all actions, resources or principals has a comment with its reason.

    The comment is on the same line or on the line above.
    """
    for file, text in directory.texts.items():
        lines = ["", *text.splitlines()] if file.endswith(".tf") else []
        for number, (above, line) in enumerate(pairwise(lines), 1):
            if _WILDCARD.search(line) and "#" not in line and not above.lstrip().startswith("#"):
                yield f"{file}:{number}: {line.strip()} is not explained"


_WILDCARD = re.compile(r"""^\s*"(\w[\w-]*:)?\*",?$|[\[,]\s*"(\w[\w-]*:)?\*"\s*[\],]""")
"""`*` or `service:*` as an item of a list, on its own line or not."""


def task_definitions_go_last(directory: Directory) -> Iterator[str]:
    """A task definition is replaced before it is destroyed.

    Otherwise, an interrupted apply leaves services and schedules on a revision that ECS no longer
    starts.
    """
    for block in directory.blocks("resource"):
        lifecycles = block.body.get("lifecycle", [])
        if block.labels[0] == "aws_ecs_task_definition" and not any(
            rule.get("create_before_destroy") for rule in lifecycles
        ):
            yield f"{block} is not created before it is destroyed"


def trusts_of_services_name_the_account(directory: Directory) -> Iterator[str]:
    """Only for this account does a service assume a role, whatever account makes it ask.

    A machine gets its role from an instance profile, which is of its own account.
    """
    for block in directory.blocks("data"):
        for statement in block.body.get("statement", []):
            services = {
                service
                for principal in statement.get("principals", [])
                if principal["type"] == "Service"
                for service in principal["identifiers"]
            }
            tested = {condition["variable"] for condition in statement.get("condition", [])}
            if (
                statement.get("actions") == ["sts:AssumeRole"]
                and services - {"ec2.amazonaws.com"}
                and "aws:SourceAccount" not in tested
            ):
                yield f"{block} does not name the account"


def sensitive_outputs_are_none(directory: Directory) -> Iterator[str]:
    """No output is sensitive: anyone can read outputs, so they must not hold secrets."""
    for block in directory.blocks("output"):
        if block.body.get("sensitive"):
            yield f"{block} is sensitive"


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        variables_are_typed,
        variables_are_described,
        variables_are_never_null,
        variables_are_validated,
        variables_are_used,
        locals_are_used,
        outputs_are_described,
        files_are_the_usual_ones,
        modules_configure_nothing,
        versions_are_bounded,
        clouds_are_named,
        modules_are_ours,
        resources_are_tagged,
        names_are_plain,
        only_public_components_are_open_to_the_world,
        policies_are_documents,
        wildcards_are_explained,
        task_definitions_go_last,
        trusts_of_services_name_the_account,
        sensitive_outputs_are_none,
    )
}
