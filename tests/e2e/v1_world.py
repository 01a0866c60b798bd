"""An installation as gromit v1 leaves it: flat rows, running clusters, states, records, files."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from gromit.local.cloud.platform import BUCKET
from tests.e2e.stage import PUBLIC, Stage
from tests.waiting import PATIENCE_S, wait_for

AWS = 'provider["registry.terraform.io/hashicorp/aws"]'
TEMPLATE = {
    "module": "module.gateway",
    "mode": "data",
    "type": "template_file",
    "name": "cd",
    "provider": 'provider["registry.terraform.io/hashicorp/template"]',
    "instances": [{"schema_version": 0, "attributes": {"rendered": "[]", "template": "[]"}}],
}
"""Data source of every module of gromit v1. Its provider is no longer made."""
EDITED = '{"edited": "by a person"}\n'


@dataclass
class V1World:
    """Data of gromit v1 in an installation, of which only the public component `alpha` runs."""

    stage: Stage
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    def row(self, name: str, state: str, **versions: str) -> str:
        """Write a flat row."""
        self.rows[name] = {"state": state, **versions}
        item = {k: {"S": v} for k, v in {"name": name, **self.rows[name]}.items()}
        self.stage.client("dynamodb").put_item(TableName=self.stage.name, Item=item)
        return name

    def table(self) -> dict[str, dict[str, str]]:
        """Return all rows whose attributes are texts, as gromit v1 reads them."""
        items = self.stage.client("dynamodb").scan(TableName=self.stage.name)["Items"]
        flat = [item for item in items if all("S" in value for value in item.values())]
        rows = [{k: v["S"] for k, v in item.items()} for item in flat]
        return {row.pop("name"): row for row in rows}

    def run(self, name: str, version: str, *, published: bool = True) -> None:
        """Make a cluster in which alpha runs at a version, with its state, files and record."""
        stage, ecs = self.stage, self.stage.client("ecs")
        cluster = ecs.create_cluster(clusterName=name, tags=_tags(name))["cluster"]
        definition = ecs.register_task_definition(
            family=f"alpha-{name}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "alpha",
                    "image": f"{self._registry}/alpha:{version}",
                    "memory": 512,
                    "portMappings": [{"containerPort": PUBLIC}],
                }
            ],
        )["taskDefinition"]
        service = ecs.create_service(
            cluster=name,
            serviceName="alpha",
            taskDefinition=definition["taskDefinitionArn"],
            desiredCount=1,
            launchType="FARGATE",
            platformVersion="1.4.0",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self._platform["public_subnets"],
                    "securityGroups": [self._group(name)],
                    "assignPublicIp": "ENABLED",
                }
            },
        )["service"]
        wait_for(f"alpha of {name}", lambda: self._address(name) is not None, 60)
        if published:
            self._record(name, str(self._address(name)))
        self._write_state(name, cluster, service, definition)
        folder = stage.ground.place.config / name / "alpha"
        folder.mkdir(parents=True)
        (folder / "alpha.conf").write_text(EDITED)

    def answer(self, name: str) -> str:
        """Return the version that answers at the public name of alpha."""
        (address,) = self.stage.resolve(f"alpha.{name}.{self.stage.facts.domain}")
        found = httpx2.get(f"http://{address}:{PUBLIC}/", timeout=PATIENCE_S, trust_env=False)
        return str(found.json()["version"])

    def config(self, name: str) -> str:
        """Return the config file that a person has edited."""
        return (self.stage.ground.place.config / name / "alpha" / "alpha.conf").read_text()

    @property
    def _platform(self) -> Mapping[str, Any]:
        ssm = self.stage.client("ssm")
        text = ssm.get_parameter(Name="/gromit/platform")["Parameter"]["Value"]
        platform: Mapping[str, Any] = json.loads(text)
        return platform

    @property
    def _registry(self) -> str:
        return str(self._platform["registry"])

    def _group(self, name: str) -> str:
        made = self.stage.client("ec2").create_security_group(
            GroupName=f"{name}-alpha", Description="of gromit v1", VpcId=self._platform["vpc_id"]
        )
        return str(made["GroupId"])

    def _address(self, name: str) -> str | None:
        """Return the public address of the running task."""
        ecs, ec2 = self.stage.client("ecs"), self.stage.client("ec2")
        arns = ecs.list_tasks(cluster=name)["taskArns"]
        tasks = ecs.describe_tasks(cluster=name, tasks=arns)["tasks"] if arns else []
        running = [task for task in tasks if task["lastStatus"] == "RUNNING"]
        details = [d for task in running for a in task["attachments"] for d in a["details"]]
        ids = [d["value"] for d in details if d["name"] == "networkInterfaceId"]
        found = ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
        addresses = [i["Association"]["PublicIp"] for i in found] if ids else []
        return str(addresses[0]) if addresses else None

    def _record(self, name: str, address: str) -> None:
        entry = {
            # Route53 keeps names in lower case, whatever it is given.
            "Name": f"alpha.{name}.{self.stage.facts.domain}".lower(),
            "Type": "A",
            "TTL": 1,
            "ResourceRecords": [{"Value": address}],
        }
        self.stage.client("route53").change_resource_record_sets(
            HostedZoneId=self.stage.facts.zone_id,
            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": entry}]},
        )

    def _write_state(self, name: str, cluster: Any, service: Any, definition: Any) -> None:
        """Write the state of cluster and service as Terraform 0.14 wrote it."""
        arn = cluster["clusterArn"]
        network = service["networkConfiguration"]["awsvpcConfiguration"]
        made = {
            "id": service["serviceArn"],
            "name": "alpha",
            "cluster": arn,
            "task_definition": definition["taskDefinitionArn"],
            "desired_count": 1,
            "launch_type": "FARGATE",
            "platform_version": "1.4.0",
            "network_configuration": [
                {
                    "subnets": network["subnets"],
                    "security_groups": network["securityGroups"],
                    "assign_public_ip": True,
                }
            ],
        }
        resources = [
            _managed(None, "aws_ecs_cluster", "env", {"id": arn, "arn": arn, "name": name}),
            _managed("module.gateway", "aws_ecs_service", "service", made),
            TEMPLATE,
        ]
        state = {
            "version": 4,
            "terraform_version": "0.14.3",
            "serial": 7,
            "lineage": str(uuid.uuid4()),
            "outputs": {},
            "resources": resources,
        }
        self.stage.client("s3").put_object(
            Bucket=BUCKET, Key=f"env:/{name}/devenv", Body=json.dumps(state).encode()
        )


def _tags(name: str) -> list[dict[str, str]]:
    return [{"key": "env", "value": name}, {"key": "managed", "value": "automation"}]


def _managed(
    module: str | None, kind: str, name: str, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    found = {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": AWS,
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
    return found if module is None else {"module": module, **found}


@contextmanager
def answering(world: V1World, name: str, version: str) -> Iterator[None]:
    """Ask a public name all the time; it must answer with one version until the block ends."""
    stop, faults, answers = threading.Event(), list[str](), list[str]()

    def ask() -> None:
        while not stop.wait(0.2):
            try:
                answers.append(world.answer(name))
            except (httpx2.HTTPError, ValueError) as error:
                faults.append(repr(error))

    thread = threading.Thread(target=ask, name="asking")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert faults == []
    assert set(answers) == {version}


@contextmanager
def v1_installation(stage: Stage) -> Iterator[V1World]:
    """Yield an installation with the table and the config root of gromit v1, without a marker."""
    marker = stage.ground.place.config / ".gromit-root"
    text = marker.read_bytes()
    marker.unlink()
    stage.client("dynamodb").create_table(
        TableName=stage.name,
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    try:
        yield V1World(stage)
    finally:
        marker.write_bytes(text)
