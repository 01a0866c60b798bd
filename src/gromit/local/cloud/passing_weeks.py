"""Effects of weeks on an installation, on request: images grow old, and Fargate retires tasks."""

import json
from collections.abc import Sequence
from typing import Any

import httpx2

from gromit.adapters.aws.client import aws_errors
from gromit.errors import BackendError
from gromit.local.aws.emulator import AGE_IMAGES
from gromit.local.cloud.platform import EmulatedAccount
from gromit.local.plain_http import no_cas

RETIRED = "ECS is performing maintenance on the underlying infrastructure hosting the task."
"""AWS's reason for the end of a task that it retires."""

_TIMEOUT = 30.0


def age_images(account: EmulatedAccount, days: int) -> Sequence[str]:
    """Let all images grow older; return those that the policies of their registries remove."""
    try:
        answer = httpx2.post(
            f"{account.url}{AGE_IMAGES}",
            params={"days": days},
            timeout=_TIMEOUT,
            trust_env=False,
            verify=no_cas(),
        )
        removed: list[str] = json.loads(answer.raise_for_status().text)
    except httpx2.HTTPError as error:
        raise BackendError(f"could not let images grow older: {error}") from error
    return removed


def retire_tasks(account: EmulatedAccount, environment: str | None = None) -> Sequence[str]:
    """Stop the tasks of one environment, or of all, as AWS does to renew what they run on.

    ECS starts others in their place. Return the stopped ones, with their clusters.
    """
    ecs = account.client("ecs")
    stopped = []
    with aws_errors("retire tasks"):
        clusters = [environment] if environment else _names(ecs, "cluster")
        for cluster in sorted(clusters):
            for task in _names(ecs, "task", cluster=cluster):
                ecs.stop_task(cluster=cluster, task=task, reason=RETIRED)
                stopped.append(f"{cluster}/{task}")
    return stopped


def _names(ecs: Any, kind: str, **arguments: str) -> Sequence[str]:
    pages = ecs.get_paginator(f"list_{kind}s").paginate(**arguments)
    return [arn.rpartition("/")[2] for page in pages for arn in page[f"{kind}Arns"]]
