"""The style of the Terraform files. Each rule must find the violation that it is shown."""

import re
from dataclasses import fields

import pytest

from gromit.core.stack.contract import ComponentInput, Platform, StackInput, StackOutput
from tests.stacks.hcl import Directory, directory, everything
from tests.stacks.policy import RULES

BREAKS = {
    "variables_are_typed": 'variable "x" {\n  type = any\n}',
    "variables_are_described": 'variable "x" {\n  description = "x"\n}',
    "variables_are_never_null": 'variable "x" {\n  type = string\n}',
    "variables_are_validated": 'variable "x" {\n  type = string\n}',
    "variables_are_used": (
        'variable "x" {\n  type = object({ a = string, b = string })\n}\nlocals {\n  y = var.x.a\n}'
    ),
    "locals_are_used": "locals {\n  # local.y\n  y = 1\n}",
    "outputs_are_described": 'output "x" {\n  value = 1\n}',
    "files_are_the_usual_ones": 'variable "x" {\n  type = string\n}',
    "modules_configure_nothing": 'provider "aws" {\n  region = "x"\n}',
    "versions_are_bounded": (
        "terraform {\n  required_providers {\n"
        '    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}'
    ),
    "clouds_are_named": 'terraform {\n  cloud {\n    workspaces {\n      name = "x"\n    }\n  }\n}',
    "modules_are_ours": 'module "x" {\n  source = "terraform-aws-modules/ecs/aws"\n}',
    "resources_are_tagged": 'resource "aws_ecs_cluster" "this" {\n  name = "x"\n}',
    "names_are_plain": 'resource "aws_ecs_cluster" "ecs-cluster" {\n  name = "x"\n}',
    "only_public_components_are_open_to_the_world": (
        'resource "aws_security_group_rule" "this" {\n'
        '  type = "ingress"\n  cidr_blocks = ["0.0.0.0/0"]\n}'
    ),
    "policies_are_documents": (
        'resource "aws_iam_role_policy" "this" {\n  policy = jsonencode({ Statement = [] })\n}'
    ),
    "wildcards_are_explained": (
        'data "aws_iam_policy_document" "this" {\n  statement {\n    actions = ["s3:*"]\n  }\n}'
    ),
    "task_definitions_go_last": (
        'resource "aws_ecs_task_definition" "this" {\n'
        '  family = "x"\n  lifecycle {}\n  tags = {}\n}'
    ),
    "trusts_of_services_name_the_account": (
        'data "aws_iam_policy_document" "trust" {\n  statement {\n'
        '    actions = ["sts:AssumeRole"]\n    principals {\n      type = "Service"\n'
        '      identifiers = ["ecs-tasks.amazonaws.com"]\n    }\n  }\n}'
    ),
    "sensitive_outputs_are_none": 'output "x" {\n  value     = 1\n  sensitive = true\n}',
}


def bad(text: str) -> Directory:
    return Directory(name="bad", texts={"main.tf": text}, is_root=False)


@pytest.mark.parametrize("place", everything(), ids=lambda d: d.name)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_kept(place: Directory, rule: str) -> None:
    assert list(RULES[rule](place)) == []


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_is_blind(rule: str) -> None:
    assert list(RULES[rule](bad(BREAKS[rule])))


def test_a_bool_needs_no_validation_and_has_none_that_cannot_fail() -> None:
    assert not list(RULES["variables_are_validated"](bad('variable "x" {\n  type = bool\n}')))
    validation = "  validation {\n    condition = contains([true, false], var.x)\n  }\n"
    validated = f'variable "x" {{\n  type = bool\n{validation}}}'
    assert list(RULES["variables_are_validated"](bad(validated))) == [
        "variable.x is a bool, and its validation cannot fail"
    ]


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ('actions = ["*"]', 1),
        ('actions = ["s3:Get", "s3:*"]', 1),
        ('resources = [\n    "arn",\n    "*",\n  ]', 3),
        ('resources = ["*"] # there is no narrower one', None),
        ('# there is no narrower one\n  resources = ["*"]', None),
        ('resources = ["arn:aws:s3:::bucket/*"]', None),
        ('tags = ["v*"]', None),
    ],
)
def test_a_wildcard_needs_a_comment_beside_it_or_above(lines: str, number: int | None) -> None:
    found = list(RULES["wildcards_are_explained"](bad(f"locals {{\n  {lines}\n}}")))
    assert [int(finding.split(":")[1]) for finding in found] == (
        [] if number is None else [number + 1]
    )


def test_an_unused_variable_and_an_unused_attribute_are_distinguished() -> None:
    unused = list(RULES["variables_are_used"](bad('variable "x" {\n  type = string\n}')))
    assert unused == ["variable.x is not used"]
    assert list(RULES["variables_are_used"](bad(BREAKS["variables_are_used"]))) == [
        "variable.x: b is not used"
    ]


def test_a_way_in_inside_a_security_group_is_seen_too() -> None:
    ingress = '  ingress {\n    cidr_blocks = ["0.0.0.0/0"]\n  }\n'
    egress = "  egress {\n    from_port = 0\n  }\n"
    text = f'resource "aws_security_group" "this" {{\n{ingress}{egress}}}'
    assert list(RULES["only_public_components_are_open_to_the_world"](bad(text)))


def attributes(variable: str) -> set[str]:
    """Names of the attributes of one of the root's variables."""
    root = directory("src/gromit/stacks/devenv")
    (block,) = (b for b in root.blocks("variable") if b.name == variable)
    return set(re.findall(r"(\w+)\s*=", str(block.body["type"])))


def test_the_inputs_are_those_that_gromit_gives() -> None:
    root = directory("src/gromit/stacks/devenv")
    assert {b.name for b in root.blocks("variable")} == {f.name for f in fields(StackInput)}
    assert attributes("platform") == {f.name for f in fields(Platform)}
    assert attributes("components") == {f.name for f in fields(ComponentInput)}


def test_the_outputs_are_those_that_gromit_reads() -> None:
    root = directory("src/gromit/stacks/devenv")
    assert {b.name for b in root.blocks("output")} == {f.name for f in fields(StackOutput)}
