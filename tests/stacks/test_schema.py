"""The stack and the newest provider, which cannot be run here: nothing unknown, nothing missing."""

import pytest

from tests.stacks.hcl import Block, Directory, directories
from tests.stacks.schema import SCHEMA, findings

RESOURCES = [block for directory in directories() for block in directory.blocks("resource", "data")]


@pytest.mark.parametrize("block", RESOURCES, ids=str)
def test_provider_6_accepts_every_resource(block: Block) -> None:
    assert list(findings(block)) == []


def test_the_schema_holds_the_types_in_use_and_no_more() -> None:
    assert {block.labels[0] for block in RESOURCES if block.kind == "resource"} == SCHEMA["resources"].keys()
    assert {block.labels[0] for block in RESOURCES if block.kind == "data"} == SCHEMA["data"].keys()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('resource "aws_ecs_clustre" "x" {\n}', "aws_ecs_clustre is not in the schema"),
        ('resource "aws_ecs_cluster" "x" {\n  naem = "x"\n}', "unknown argument naem"),
        ('resource "aws_ecs_cluster" "x" {\n  tags = {}\n}', "required argument name is missing"),
        (
            'resource "aws_efs_access_point" "x" {\n  file_system_id = "x"\n  posix_user {\n    uid = 0\n  }\n}',
            "argument gid is missing",
        ),
        (
            (
                'resource "aws_ecs_task_definition" "x" {\n  family = "x"\n  container_definitions = "x"\n'
                '  dynamic "volume" {\n    for_each = [1]\n    content {\n      nmae = "x"\n    }\n  }\n}'
            ),
            "unknown argument nmae",
        ),
    ],
)
def test_what_provider_6_would_refuse_is_found(text: str, finding: str) -> None:
    (block,) = Directory(name="bad", texts={"main.tf": text}, is_root=True).blocks("resource")
    assert any(finding in found for found in findings(block))
