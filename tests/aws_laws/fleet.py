"""Services, tasks and interfaces in the emulator, like those of environments on Fargate."""

from collections.abc import Callable, Sequence
from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.adapters.aws.ecs_tasks import CLUSTER_TAG, SERVICE_TAG
from tests.aws_laws.laws import REGION


def address_of(number: int) -> str:
    """Return the public address of the interface with this number."""
    return f"52.0.{number >> 8}.{number & 255}"


class Fleet:
    """A VPC with a large subnet, and tasks and interfaces in it."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """`client` creates clients of the emulator, which must run in this process."""
        self.ecs, self.ec2 = client("ecs"), client("ec2")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet: str = self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/16")["Subnet"][
            "SubnetId"
        ]
        self.definition: str = self.ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "app", "image": "app:1", "memory": 512}],
        )["taskDefinition"]["taskDefinitionArn"]

    def run(
        self,
        environment: str,
        service: str,
        *,
        count: int = 1,
        public: bool = True,
        tagged: bool = True,
        is_marked: bool = True,
    ) -> list[str]:
        """Create a service and run its tasks.

        Return their public addresses, or the private ones of tasks without a public address.
        """
        marks = {"env": environment, "managed": "gromit"} if is_marked else {}
        self.ecs.create_cluster(
            clusterName=environment, tags=[{"key": k, "value": v} for k, v in marks.items()]
        )
        network = {
            "awsvpcConfiguration": {
                "subnets": [self.subnet],
                "assignPublicIp": "ENABLED" if public else "DISABLED",
            }
        }
        if service not in {
            a.rsplit("/", 1)[-1] for a in self.ecs.list_services(cluster=environment)["serviceArns"]
        }:
            self.ecs.create_service(
                cluster=environment,
                serviceName=service,
                taskDefinition=self.definition,
                desiredCount=0,
                launchType="FARGATE",
                networkConfiguration=network,
                enableECSManagedTags=tagged,
            )
        addresses = []
        for at in range(0, count, 10):
            tasks = self.ecs.run_task(
                cluster=environment,
                taskDefinition=self.definition,
                launchType="FARGATE",
                count=min(10, count - at),
                group=f"service:{service}",
                networkConfiguration=network,
            )["tasks"]
            addresses += [self._address(t) for t in tasks]
        return addresses

    def set_status(
        self, environment: str, address: str, *, last: str = "RUNNING", desired: str = "RUNNING"
    ) -> None:
        """Set what ECS returns for the task at a public address."""
        for task in get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION].tasks[environment].values():
            shown = self.ecs.describe_tasks(cluster=environment, tasks=[task.task_arn])["tasks"]
            if shown and self._address(shown[0]) == address:
                task.last_status, task.desired_status = last, desired
                return
        raise LookupError(address)

    def stop(self, environment: str) -> None:
        """Stop all tasks of an environment."""
        for arn in self.ecs.list_tasks(cluster=environment)["taskArns"]:
            self.ecs.stop_task(cluster=environment, task=arn)

    def bare_interfaces(
        self, environments: Sequence[str], service: str = "tyk", first: int = 0
    ) -> None:
        """Create a tagged interface with a public address for each, quickly and without tasks.

        `first` is the number of the first one's address.
        """
        ec2 = get_backend("ec2")[DEFAULT_ACCOUNT_ID][REGION]
        for number, environment in enumerate(environments, start=first):
            private = f"10.0.{number >> 8}.{number & 255}"
            eni = ec2.create_network_interface(
                self.subnet, private, tags={CLUSTER_TAG: environment, SERVICE_TAG: service}
            )
            eni.status, eni.requester_managed = "in-use", True
            eni.public_ip = address_of(number)

    def interface(self, address: str) -> Any:
        """Return the emulator's own object of the interface with a public address."""
        enis = get_backend("ec2")[DEFAULT_ACCOUNT_ID][REGION].enis.values()
        return next(e for e in enis if e.public_ip == address)

    def _address(self, task: dict[str, Any]) -> str:
        details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
        found = self.ec2.describe_network_interfaces(
            NetworkInterfaceIds=[details["networkInterfaceId"]]
        )["NetworkInterfaces"][0]
        address: str = found.get("Association", {}).get("PublicIp", found["PrivateIpAddress"])
        return address
