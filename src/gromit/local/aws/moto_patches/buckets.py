"""S3: the policies of buckets."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from gromit.local.aws.moto_patches.patches import Patches


def enforce_secure_transport(mending: Patches) -> None:
    """AWS refuses by a statement about `aws:SecureTransport` what comes without TLS, and nothing else.

    The emulator stands for endpoints of AWS that are reached by TLS; the stock one refuses everything that such a statement names.
    """

    def get_permission(stock: Callable[..., Any], bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return stock(bucket, action, resource)
        document = json.loads(bucket.policy)
        found = document["Statement"]
        statements = [
            s
            for s in (found if isinstance(found, list) else [found])
            if not _is_about_clear_text(s)
        ]
        if not statements:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({**document, "Statement": statements})).is_action_permitted(
            action, resource
        )

    mending.replace(FakeBucket, "get_permission", get_permission)


def _is_about_clear_text(statement: Mapping[str, Any]) -> bool:
    asked = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return asked in ("false", ["false"])
