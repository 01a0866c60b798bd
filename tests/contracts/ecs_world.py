"""Services in an emulated ECS, put into any state."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.local.aws.moto_patches.exec_command import connect_agent

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient

REGION = "eu-central-1"


@dataclass
class EcsWorld:
    """Clusters, services and stopped tasks. Use it below `moto.mock_aws`."""

    client: "ECSClient" = field(default_factory=lambda: boto3.client("ecs", region_name=REGION))
    _network: dict[str, Any] | None = None

    @property
    def backend(self) -> Any:
        """The emulator's own state."""
        return get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION]

    def define(self, environment: str, component: str) -> str:
        """Register another revision of a task definition, and return its ARN."""
        answer = self.client.register_task_definition(
            family=f"{environment}-{component}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": component, "image": f"{component}:1", "memory": 512}],
        )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def serve(
        self,
        environment: str,
        component: str,
        definition: str,
        rollout: str | None = "COMPLETED",
        running: int = 1,
    ) -> None:
        """Let a service run tasks of a definition in one deployment with this rollout state."""
        self.client.create_cluster(clusterName=environment)
        key = f"{environment}:{component}"
        if key not in self.backend.services:
            self.client.create_service(
                cluster=environment,
                serviceName=component,
                taskDefinition=definition,
                desiredCount=1,
                launchType="FARGATE",
            )
        service = self.backend.services[key]
        service.task_definition = definition
        service.running_count, service.pending_count = running, 1 - running
        deployment = {
            **service.deployments[0],
            "taskDefinition": definition,
            "runningCount": running,
        }
        deployment.pop("rolloutState", None)
        deployment["rolloutStateReason"] = ""
        if rollout is not None:
            deployment["rolloutState"] = rollout
        service.deployments = [deployment]

    def run_with_exec(self, environment: str, component: str, **changes: Any) -> str:
        """Run a task of a service with ECS Exec on, and return its id."""
        ec2 = boto3.client("ec2", region_name=REGION)
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        answer = self.client.run_task(
            cluster=environment,
            taskDefinition=self.backend.services[f"{environment}:{component}"].task_definition,
            launchType="FARGATE",
            enableExecuteCommand=True,
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        )
        arn = answer["tasks"][0]["taskArn"]
        task = self.backend.tasks[environment][arn]
        task.group, task.last_status = f"service:{component}", "RUNNING"
        connect_agent(task)
        for name, value in changes.items():
            setattr(task, name, value)
        return arn.rpartition("/")[2]

    def stop_task(
        self,
        environment: str,
        component: str,
        definition: str,
        reason: str,
        container: tuple[int, str] | None = None,
    ) -> None:
        """Add a task that has just stopped, with exit code and reason of its container."""
        answer = self.client.run_task(
            cluster=environment,
            taskDefinition=definition,
            launchType="FARGATE",
            group=f"service:{component}",
            networkConfiguration={"awsvpcConfiguration": self._subnet()},
        )
        arn = answer["tasks"][0]["taskArn"]
        self.client.stop_task(cluster=environment, task=arn, reason=reason)
        if container is not None:
            task = self.backend.tasks[environment][arn]
            task.containers[0].exitCode, task.containers[0].reason = container

    def _subnet(self) -> Any:
        if self._network is None:
            ec2 = boto3.client("ec2", region_name=REGION)
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
            group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
            self._network = {"subnets": [subnet], "securityGroups": [group]}
        return self._network
