"""An environment of the shipped catalogue: its components run as simulated programs."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from gromit.adapters.catalogue.file import load_catalogue
from gromit.core.stack.config_templates import TemplateVariables, render_files, sample_variables
from gromit.local.aws.dns_server import DnsServer, EmulatedRecords, ZoneRecord
from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.fargate import Fargate
from gromit.local.aws.mongo import MongoServer
from gromit.local.aws.placement import Host
from tests.local.conftest import REGION, client, eventually

Ranges = tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]
PROGRAMS = {
    "tyk": "tyk-gateway",
    "tyk-analytics": "tyk-dashboard",
    "tyk-pump": "tyk-pump",
    "tyk-sink": "tyk-sink",
    "tyk-identity-broker": "tyk-identity-broker",
    "redis": "redis",
}
ENV = "app-test"
_LOGS = f"/gromit/{ENV}"
_MONGO = re.compile(r"mongodb://([^/:\"]+)")


@dataclass
class Names(EmulatedRecords):
    """All names of the emulator, and Mongo's while it has one."""

    mongo: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(ACCOUNT, REGION)

    def record_sets(self) -> list[ZoneRecord]:
        """Return the record sets."""
        own = [ZoneRecord(name, "A", 5, (address,)) for name, address in self.mongo.items()]
        return [*super().record_sets(), *own]


class TykWorld:
    """An emulated account with one environment, whose components are started one by one."""

    def __init__(self, folder: Path, ranges: Ranges) -> None:
        self.vpc_range, public = ranges
        self.config = folder / "config"
        self.catalogue = load_catalogue(None, None)
        self.emulator = Emulator().start()
        self.names = Names()
        self.dns = DnsServer(self.names).start()
        self.fargate = Fargate(
            Host(
                account=ACCOUNT,
                region=REGION,
                config_root=self.config,
                public=public,
                dns_port=self.dns.port,
                simulated=PROGRAMS,
                retry_s=0.1,
                patience_s=0.5,
            ),
            lambda: None,
        )
        self.emulator.on_change(self.fargate.wake)
        self.fargate.start()
        self.ecs = client(self.emulator.url, "ecs")
        self._build()
        self._mongo: MongoServer | None = None
        self.render()

    def close(self) -> None:
        """End everything."""
        self.fargate.stop()
        self.mongo(up=False)
        self.dns.stop()
        self.emulator.stop()

    def _build(self) -> None:
        ec2, efs = client(self.emulator.url, "ec2"), client(self.emulator.url, "efs")
        vpc = ec2.create_vpc(CidrBlock=str(self.vpc_range))["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        cidr = str(next(self.vpc_range.subnets(new_prefix=20)))
        self._subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"]
        self.discovery = client(self.emulator.url, "servicediscovery")
        self.discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
        self._namespace = self.discovery.list_namespaces()["Namespaces"][0]["Id"]
        self._volume = efs.create_file_system(CreationToken="config")["FileSystemId"]
        self._points = efs
        self.secrets = client(self.emulator.url, "secretsmanager")
        client(self.emulator.url, "logs").create_log_group(logGroupName=_LOGS)
        self.ecs.create_cluster(clusterName=ENV)

    # ── surroundings ──

    def render(self, *without: str) -> None:
        """Render the shipped templates, as if the catalogue lacked some components."""
        kept = {n: c for n, c in self.catalogue.components.items() if n not in without}
        catalogue = replace(self.catalogue, components=kept)
        sample = sample_variables(catalogue)
        peers = {name: f"{name}.{ENV}.internal" for name in kept}
        variables = TemplateVariables(**{**_fields(sample), "env": ENV, "peers": peers})
        for component, files in render_files(catalogue, variables).items():
            folder = self.config / ENV / component
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)

    def settings(self, component: str) -> dict[str, Any]:
        """Return the main config file of a component."""
        found: dict[str, Any] = json.loads(self._file(component).read_text())
        return found

    def change(self, component: str, **values: Any) -> None:
        """Change top-level keys of the main config file of a component."""
        self._file(component).write_text(json.dumps({**self.settings(component), **values}))

    def mongo(self, *, up: bool) -> None:
        """Let Mongo run under the name that the config files have, or take both away."""
        if self._mongo:
            self._mongo.stop()
        self._mongo, self.names.mongo = None, {}
        if up:
            address = str(self.vpc_range[300])
            text = self._file("tyk-pump").read_text()
            self.names.mongo = dict.fromkeys(_MONGO.findall(text), address)
            self._mongo = MongoServer(address).start()

    # ── components ──

    def start(self, component: str, **secrets: str) -> None:
        """Start the service of a component with some secrets; an empty one is a plain variable.

        Secrets Manager keeps no empty value.
        """
        found = self.catalogue.components[component]
        container: dict[str, Any] = {
            "name": component,
            "image": "example.com/program:1",
            "memory": 512,
            "command": list(found.command),
            "portMappings": [{"containerPort": p, "protocol": "tcp"} for p in _ports(found.port)],
            "secrets": [
                {"name": name, "valueFrom": self._secret(f"{component}-{name}", value)}
                for name, value in secrets.items()
                if value
            ],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": _LOGS,
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": component,
                },
            },
            "environment": [{"name": n, "value": ""} for n, value in secrets.items() if not value],
        }
        volumes = []
        if found.config_path:
            container["mountPoints"] = [
                {"sourceVolume": "config", "containerPath": found.config_path}
            ]
            volumes = [self._mount(component)]
        definition = self.ecs.register_task_definition(
            family=component,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[container],
            volumes=volumes,
        )["taskDefinition"]["taskDefinitionArn"]
        self._serve(component, definition)

    def scale(self, component: str, count: int) -> None:
        """Change the number of tasks of a component."""
        self.ecs.update_service(cluster=ENV, service=component, desiredCount=count)
        eventually(lambda: len(self.addresses(component)) == count)

    def addresses(self, component: str) -> list[str]:
        """Return the addresses that are registered for a component."""
        wanted = f"{component}.{ENV}.internal"
        return [v for r in self.names.record_sets() if r.name == wanted for v in r.values]

    def last_words(self, component: str) -> str:
        """Return the reason of the newest stopped task of a component; empty without one."""
        arns = self.ecs.list_tasks(cluster=ENV, serviceName=component, desiredStatus="STOPPED")
        if not arns["taskArns"]:
            return ""
        tasks = self.ecs.describe_tasks(cluster=ENV, tasks=arns["taskArns"])["tasks"]
        newest = max(tasks, key=lambda task: task["stoppedAt"])
        return str(newest["containers"][0].get("reason", ""))

    def log(self, component: str) -> list[str]:
        """Return the lines of the log of a component."""
        logs = client(self.emulator.url, "logs")
        streams = logs.describe_log_streams(logGroupName=_LOGS)["logStreams"]
        names = [s["logStreamName"] for s in streams]
        return [
            event["message"]
            for name in names
            if name.startswith(f"{component}/")
            for event in logs.get_log_events(logGroupName=_LOGS, logStreamName=name)["events"]
        ]

    def exit_codes(self, component: str) -> set[int]:
        """Return the exit codes of the stopped tasks of a component."""
        arns = self.ecs.list_tasks(cluster=ENV, serviceName=component, desiredStatus="STOPPED")
        tasks = self.ecs.describe_tasks(cluster=ENV, tasks=arns["taskArns"])["tasks"]
        return {task["containers"][0]["exitCode"] for task in tasks}

    def ask(
        self,
        component: str,
        path: str,
        *,
        method: str = "GET",
        port: int | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> tuple[int, Any]:
        """Return status and body of a component's answer; 0 if it does not answer."""
        found = self.addresses(component)
        if not found:
            return 0, None
        port = port or self.catalogue.components[component].port
        try:
            answer = httpx2.request(
                method,
                f"http://{found[0]}:{port}{path}",
                headers=dict(headers or {}),
                json=json,
                timeout=5,
                trust_env=False,
            )
        except httpx2.HTTPError:
            return 0, None
        return answer.status_code, answer.json()

    def _serve(self, component: str, definition: str) -> None:
        services = self.ecs.list_services(cluster=ENV)["serviceArns"]
        if any(arn.endswith(f"/{component}") for arn in services):
            self.ecs.update_service(cluster=ENV, service=component, taskDefinition=definition)
            return
        registry = self.discovery.create_service(
            Name=f"{component}.{ENV}",
            NamespaceId=self._namespace,
            DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
        )["Service"]["Arn"]
        self.ecs.create_service(
            cluster=ENV,
            serviceName=component,
            taskDefinition=definition,
            desiredCount=1,
            launchType="FARGATE",
            serviceRegistries=[{"registryArn": registry}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": [self._subnet]}},
        )

    def _secret(self, name: str, value: str) -> str:
        known = {s["Name"]: s["ARN"] for s in self.secrets.list_secrets()["SecretList"]}
        if name not in known:
            return str(self.secrets.create_secret(Name=name, SecretString=value)["ARN"])
        self.secrets.put_secret_value(SecretId=name, SecretString=value)
        return str(known[name])

    def _mount(self, component: str) -> dict[str, Any]:
        point = self._points.create_access_point(
            FileSystemId=self._volume,
            RootDirectory={"Path": f"/{ENV}/{component}"},
            ClientToken=component,
        )["AccessPointId"]
        mount = {
            "fileSystemId": self._volume,
            "authorizationConfig": {"accessPointId": point},
            "transitEncryption": "ENABLED",
        }
        return {"name": "config", "efsVolumeConfiguration": mount}

    def _file(self, component: str) -> Path:
        folder = self.config / ENV / component
        return next(p for p in sorted(folder.glob("*.conf")))


def _ports(port: int | None) -> list[int]:
    return [] if port is None else [port]


def _fields(variables: TemplateVariables) -> dict[str, Any]:
    return {name: getattr(variables, name) for name in asdict(variables)}
