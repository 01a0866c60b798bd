"""gromit v1's pattern of calls, replayed: one environment after another, with real terraform.

A report of a build reads the row, asks for the image of each repository and writes the row. A pass
reads the whole table. For each environment it runs `init`, makes a workspace, runs `validate` and
`apply`, writes the row twice, and pauses for a minute. Publishing lists all clusters, asks for the
tasks of each, for each task by itself, and for its interface, and writes the records of each
cluster whether or not they have changed.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from gromit import log
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.terraform.process import ProcessSpec, StopPolicy, run_process
from gromit.adapters.terraform.provider_mirror import user_cache
from gromit.adapters.terraform.session import (
    PreparedRun,
    SessionDeps,
    TerraformConfig,
    TerraformSession,
)
from gromit.config.load import load_settings
from gromit.core.stack import terraform as core
from gromit.core.stack.contract import StackInput
from tests.contracts.terraform.worlds import component
from tests.e2e.stage import Stage

PAUSE_S = 60.0
"""After each environment. It is counted, and not waited for."""
REPOSITORIES = ("alpha", "beta")
TABLE = "first-system"


@dataclass(frozen=True, slots=True)
class FirstSystem:
    """Its calls on an installation's AWS."""

    stage: Stage
    run: PreparedRun
    environ: Mapping[str, str]
    folder: Path
    platform: Any

    def report(self, name: str) -> None:
        """Take a report of a build of a new environment."""
        table, ecr = self.stage.client("dynamodb"), self.stage.client("ecr")
        table.get_item(TableName=TABLE, Key={"name": {"S": name}})
        for repository in REPOSITORIES:
            images = [{"imageTag": "latest"}]
            ecr.batch_get_image(repositoryName=repository, imageIds=images)
        table.put_item(TableName=TABLE, Item={"name": {"S": name}, "state": {"S": "new"}})

    def look(self) -> None:
        """Read the whole table, as each pass does."""
        self.stage.client("dynamodb").scan(TableName=TABLE)

    def sow(self, name: str) -> None:
        """Bring one environment up."""
        self._write(name, "processing")
        stack = self.run.folder.template
        data = self.folder / f"data-{name}"
        components = {
            "alpha": replace(component(), image="redis:7", port=8181, config_path="/conf"),
            "beta": replace(component(), image="redis:7", port=8182, public=False),
        }
        inputs = StackInput(name=name, platform=self.platform, components=components)
        (stack / core.INPUTS_FILE).write_text(core.inputs_json(inputs), encoding="utf-8")
        self._terraform(data, *core.init_arguments(own_lock=True))
        self._terraform(data, "workspace", "new", "-no-color", name)
        self._terraform(data, "validate", "-no-color")
        self._terraform(data, "apply", "-input=false", "-auto-approve", "-no-color")
        self._write(name, "deployed")

    def publish(self, names: frozenset[str]) -> None:
        """Publish the tasks of the clusters with these names, as if there were no others."""
        ecs, ec2 = self.stage.client("ecs"), self.stage.client("ec2")
        ecs.list_clusters()
        for name in sorted(names):
            tasks = ecs.list_tasks(cluster=name)["taskArns"]
            addresses = [self._address(ecs, ec2, name, task) for task in tasks]
            self._write_records(name, addresses)

    def _address(self, ecs: Any, ec2: Any, cluster: str, task: str) -> str:
        (found,) = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        details = {d["name"]: d["value"] for d in found["attachments"][0]["details"]}
        interface = ec2.describe_network_interfaces(
            NetworkInterfaceIds=[details["networkInterfaceId"]]
        )["NetworkInterfaces"][0]
        return str(interface.get("Association", {}).get("PublicIp", interface["PrivateIpAddress"]))

    def _write_records(self, name: str, addresses: list[str]) -> None:
        record = {
            "Name": f"first.{name}.{self.stage.facts.domain}",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": address} for address in addresses or ["192.0.2.1"]],
        }
        change = {"Action": "UPSERT", "ResourceRecordSet": record}
        self.stage.client("route53").change_resource_record_sets(
            HostedZoneId=self.stage.facts.zone_id, ChangeBatch={"Changes": [change]}
        )

    def _write(self, name: str, state: str) -> None:
        self.stage.client("dynamodb").update_item(
            TableName=TABLE,
            Key={"name": {"S": name}},
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":s": {"S": state}},
        )

    def _terraform(self, data: Path, *arguments: str) -> None:
        call = core.TerraformCall(cli_config=str(self.run.folder.cli_config), data_dir=str(data))
        lines: list[str] = []
        done = run_process(
            ProcessSpec(
                program=self.run.program,
                arguments=arguments,
                environment=core.child_environment(self.environ, call),
                folder=self.run.folder.template,
                keep_open=self.run.folder.lock,
            ),
            StopPolicy(timeout_s=600, grace_s=10, interrupted=Event()),
            lines.append,
        )
        if done.code:
            raise RuntimeError(f"{arguments[0]}: {done.stderr[-2000:]} {lines[-20:]}")


@contextmanager
def first_system(stage: Stage, folder: Path) -> Iterator[FirstSystem]:
    """Yield the first system, with a table of its own."""
    environ = stage.worker
    settings = load_settings(environ).settings
    session = TerraformSession(
        TerraformConfig(
            backend=core.Backend(
                bucket=settings.state.bucket,
                region=stage.facts.region,
                extra=settings.terraform.backend,
            ),
            cache=user_cache(environ),
            work=folder / "work",
            command=settings.terraform.command,
            mirror=settings.terraform.mirror,
            overlay=settings.terraform.overlay,
        ),
        SessionDeps(environ=environ, mask=log.mask, save_errored_state=_keep_nothing),
    )
    stage.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
    )
    platform = PlatformParameter(stage.client("ssm"), settings.cluster.platform).read()
    try:
        with session.opened() as run:
            yield FirstSystem(stage, run, environ, folder, platform)
    finally:
        session.close()
        shutil.rmtree(folder / "work", ignore_errors=True)


def _keep_nothing(_environment: str, state: bytes) -> str:
    return json.dumps(len(state))
