"""All Terraform against the newest provider, which cannot run here.

Tests look for unknown and for missing arguments.
"""

import json

import pytest

from tests.stacks.hcl import Directory, everything
from tests.stacks.schema import SCHEMA, findings, trimmed, types_in_use

FOREIGN = {"terraform/delegation": {"cloudflare"}}
"""Directory to its providers other than AWS, whose schema is not available here."""


@pytest.mark.parametrize("place", everything(), ids=lambda d: d.name)
def test_provider_6_accepts_every_resource(place: Directory) -> None:
    blocks = [
        block for block in place.blocks("resource", "data") if block.labels[0].startswith("aws_")
    ]
    assert [found for block in blocks for found in findings(block)] == []


@pytest.mark.parametrize("place", everything(), ids=lambda d: d.name)
def test_only_what_is_listed_uses_another_provider(place: Directory) -> None:
    used = {block.labels[0].partition("_")[0] for block in place.blocks("resource", "data")}
    assert used - {"aws", "terraform"} <= FOREIGN.get(place.name, set()), (
        "terraform's own (terraform_data) has no arguments to check"
    )


def test_the_schema_holds_the_types_in_use_and_no_more() -> None:
    """If this fails, run `python -m tests.stacks.schema FULL`."""
    assert types_in_use("resource") == SCHEMA["resources"].keys()
    assert types_in_use("data") == SCHEMA["data"].keys()


def test_trimming_keeps_what_is_in_use() -> None:
    full = {**SCHEMA, "resources": {**SCHEMA["resources"], "aws_never_used": {}}, "provider": "aws"}
    assert json.loads(trimmed(full)) == SCHEMA


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('resource "aws_ecs_clustre" "x" {\n}', "aws_ecs_clustre is not in the schema"),
        ('resource "aws_ecs_cluster" "x" {\n  naem = "x"\n}', "unknown argument naem"),
        ('resource "aws_ecs_cluster" "x" {\n  tags = {}\n}', "required argument name is missing"),
        (
            (
                'resource "aws_efs_access_point" "x" {\n'
                '  file_system_id = "x"\n  posix_user {\n    uid = 0\n  }\n}'
            ),
            "argument gid is missing",
        ),
        (
            (
                'resource "aws_ecs_task_definition" "x" {\n'
                '  family = "x"\n  container_definitions = "x"\n'
                '  dynamic "volume" {\n    for_each = [1]\n'
                '    content {\n      nmae = "x"\n    }\n  }\n}'
            ),
            "unknown argument nmae",
        ),
    ],
)
def test_what_provider_6_would_refuse_is_found(text: str, finding: str) -> None:
    (block,) = Directory(name="bad", texts={"main.tf": text}, is_root=True).blocks("resource")
    assert any(finding in found for found in findings(block))
