"""Patches of ECR."""

import hashlib
import json
from typing import Any

import boto3

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud

MANIFESTS = [
    json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {},
            "layers": [],
            "n": n,
        }
    )
    for n in range(2)
]


def test_a_digest_is_that_of_the_manifest(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        ecr = boto3.client("ecr", REGION)
        ecr.create_repository(repositoryName="tyk")
        for tag, manifest in zip("ab", MANIFESTS, strict=True):
            ecr.put_image(repositoryName="tyk", imageManifest=manifest, imageTag=tag)
        answers = [
            ecr.batch_get_image(repositoryName="tyk", imageIds=[{"imageTag": tag}]) for tag in "ab"
        ]
        return [a["images"][0]["imageId"]["imageDigest"] for a in answers]

    stock, patched = both(look)
    expected = [f"sha256:{hashlib.sha256(m.encode()).hexdigest()}" for m in MANIFESTS]
    assert stock != expected
    assert patched == expected


def test_tags_come_in_pages(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        ecr = boto3.client("ecr", REGION)
        ecr.create_repository(repositoryName="tyk")
        for number in range(5):
            ecr.put_image(
                repositoryName="tyk", imageManifest=MANIFESTS[0], imageTag=f"sha-{number}"
            )
        ecr.put_image(repositoryName="tyk", imageManifest=MANIFESTS[1], imageTag="sha-0")
        pages = ecr.get_paginator("list_images").paginate(
            repositoryName="tyk", PaginationConfig={"PageSize": 2}
        )
        return [[image["imageTag"] for image in page["imageIds"]] for page in pages]

    stock, patched = both(look)
    assert len(stock) == 1
    assert patched == [["sha-0", "sha-1"], ["sha-2", "sha-3"], ["sha-4"]]


def test_a_tag_that_moves_leaves_its_image_without_a_tag(both: Both[Any]) -> None:
    """And the image gets another tag later."""

    def look(_cloud: Cloud) -> Any:
        ecr = boto3.client("ecr", REGION)
        ecr.create_repository(repositoryName="tyk")

        def put(manifest: str, tag: str) -> Any:
            ecr.put_image(repositoryName="tyk", imageManifest=manifest, imageTag=tag)
            details = ecr.describe_images(repositoryName="tyk")["imageDetails"]
            untagged = ecr.list_images(repositoryName="tyk", filter={"tagStatus": "UNTAGGED"})
            tags = sorted(d.get("imageTags", []) for d in details)
            return tags, [sorted(i) for i in untagged["imageIds"]]

        put(MANIFESTS[0], "master")
        return [put(MANIFESTS[1], "master"), put(MANIFESTS[0], "kept")]

    stock, patched = both(look)
    assert stock[0] == [[["master"]], []]
    assert patched == [[[[], ["master"]], [["imageDigest"]]], [[["kept"], ["master"]], []]]
