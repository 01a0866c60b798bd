"""S3: bucket policies."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from gromit.local.aws.moto_patches.patches import Patches


def enforce_secure_transport(patches: Patches) -> None:
    """AWS applies a statement about `aws:SecureTransport` only to requests without TLS.

    The emulator replaces endpoints that clients reach over TLS. The stock emulator refuses
    everything that such a statement names.
    """

    def get_permission(stock: Callable[..., Any], bucket: Any, action: str, resource: str) -> Any:
        if bucket.policy is None:
            return stock(bucket, action, resource)
        document = json.loads(bucket.policy)
        found = document["Statement"]
        if not isinstance(found, list):
            found = [found]
        statements = [s for s in found if not _is_about_clear_text(s)]
        if not statements:
            return PermissionResult.NEUTRAL
        policy = IAMPolicy(json.dumps({**document, "Statement": statements}))
        return policy.is_action_permitted(action, resource)

    patches.replace(FakeBucket, "get_permission", get_permission)


def _is_about_clear_text(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return condition in ("false", ["false"])
