"""Images in an emulated ECR."""

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from gromit.adapters.aws.ecr import REVISION

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def push(
    client: "ECRClient", repository: str, tag: str, content: str, commit: object = None
) -> str:
    """Push an image with one layer of `content` under a tag, and return its digest.

    A missing repository is created. The manifest names the `commit`, if one is given.
    """
    with suppress(client.exceptions.RepositoryAlreadyExistsException):
        client.create_repository(repositoryName=repository)
    layer = {
        "mediaType": "x",
        "size": len(content),
        "digest": "sha256:" + hashlib.sha256(content.encode()).hexdigest(),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {**layer, "size": 1},
        "layers": [layer],
        **({"annotations": {REVISION: commit}} if commit is not None else {}),
    }
    answer = client.put_image(
        repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest)
    )
    return str(answer["image"]["imageId"]["imageDigest"])
