"""Tasks of hooks in ECS, started once and without a service."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.hooks import HookOutcome, HookTask
from gromit.errors import Temporary

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.literals import DesiredStatusType

STARTED_BY = "gromit-hook"
"""Mark of the tasks, for people who look at the cluster."""
_STATUSES: "tuple[DesiredStatusType, ...]" = ("RUNNING", "STOPPED")
_PER_CALL = 100


class EcsHookTasks:
    """The port `HookTasks`."""

    def __init__(self, client: "ECSClient") -> None:
        self._ecs = client

    def start(self, task: HookTask) -> str:
        """Run the task on Fargate, in private subnets."""
        with aws_errors(f"start the {task}"):
            answer = self._ecs.run_task(
                cluster=task.environment,
                taskDefinition=task.definition,
                count=1,
                launchType="FARGATE",
                platformVersion="1.4.0",
                startedBy=STARTED_BY,
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": list(task.subnets),
                        "securityGroups": [task.security_group],
                        "assignPublicIp": "DISABLED",
                    }
                },
            )
        if not answer["tasks"]:
            reasons = "; ".join(f.get("reason", "unknown") for f in answer.get("failures", []))
            raise Temporary(f"ECS did not start the {task}: {reasons}", hint="try again later")
        return answer["tasks"][0]["taskArn"]

    def running(self, task: HookTask) -> Sequence[str]:
        """List tasks that are to run, and those that are stopping."""
        with aws_errors(f"list tasks of the {task}"):
            pages = [
                page["taskArns"]
                for status in _STATUSES
                for page in self._ecs.get_paginator("list_tasks").paginate(
                    cluster=task.environment, family=task.family, desiredStatus=status
                )
            ]
            arns = sorted({arn for page in pages for arn in page})
            return [
                found["taskArn"]
                for at in range(0, len(arns), _PER_CALL)
                for found in self._ecs.describe_tasks(
                    cluster=task.environment, tasks=arns[at : at + _PER_CALL]
                )["tasks"]
                if found.get("lastStatus") != "STOPPED"
            ]

    def look(self, task: HookTask, id_: str) -> HookOutcome | None:
        """Describe the task. A new one may be missing for some seconds, and counts as running."""
        with aws_errors(f"look at the {task}"):
            found = self._ecs.describe_tasks(cluster=task.environment, tasks=[id_])["tasks"]
        if not found or found[0].get("lastStatus") != "STOPPED":
            return None
        codes = [container.get("exitCode") for container in found[0].get("containers", [])]
        reason = found[0].get("stoppedReason", "stopped for an unknown reason")
        return HookOutcome(codes[0] if codes else None, reason)

    def stop(self, task: HookTask, id_: str, reason: str) -> None:
        """Stop the task, which Fargate kills after 30 seconds."""
        with aws_errors(f"stop the {task}"):
            self._ecs.stop_task(cluster=task.environment, task=id_, reason=f"gromit: {reason}")
