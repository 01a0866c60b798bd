"""An account in which the control plane has been applied, and the names of its resources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gromit.core.stack.terraform import STATE_KEY
from tests.platform.control.plane import Ground
from tests.platform.emulator import ACCOUNT, REGION, Emulator
from tests.platform.policies import Policies, role_policies
from tests.platform.roots import Root

HERE = f"{REGION}:{ACCOUNT}"
WORKERS = ("sow", "reap", "chitragupta", "doctor", "doctor-environments")
PROGRAMS = ("serve", "gateway", "pki", *WORKERS)


@dataclass(frozen=True, slots=True)
class Installed:
    """An account with the control plane in it, without its load balancers."""

    emulator: Emulator
    root: Root
    ground: Ground
    _policies: dict[str, Policies] = field(default_factory=dict)

    def policies(self, role: str) -> Policies:
        """Return a role's policies; looked up once, because no test changes them."""
        if role not in self._policies:
            self._policies[role] = role_policies(self.emulator.client("iam"), role)
        return self._policies[role]

    def arn(self, what: str) -> str:
        """Return the ARN of a resource, by its name in the tables of tests."""
        ground = self.ground
        volumes = f"arn:aws:elasticfilesystem:{HERE}:file-system"
        known: Mapping[str, str] = {
            "table": ground["table_arn"],
            "index": f"{ground['table_arn']}/index/work",
            "index of lifetimes": f"{ground['table_arn']}/index/life",
            "state": f"arn:aws:s3:::{ground['state_bucket']}/env:/app-test/devenv",
            "state of no workspace": f"arn:aws:s3:::{ground['state_bucket']}/{STATE_KEY}",
            "other state": f"arn:aws:s3:::{ground['state_bucket']}/infra",
            "bucket": f"arn:aws:s3:::{ground['state_bucket']}",
            "zone": f"arn:aws:route53:::hostedzone/{ground['zone_id']}",
            "other zone": "arn:aws:route53:::hostedzone/Z0000000000000000000",
            "secret": ground["ca_key_secret_arn"],
            "environments' secret": (
                f"arn:aws:secretsmanager:{HERE}:secret:gromit/environments/gateway-api-0a1b2c"
            ),
            "other secret of environments": (
                f"arn:aws:secretsmanager:{HERE}:secret:gromit-env/own-0a1b2c"
            ),
            "platform": f"arn:aws:ssm:{HERE}:parameter/gromit/platform",
            "base": f"arn:aws:ssm:{HERE}:parameter/gromit/base",
            "own image": f"arn:aws:ecr:{HERE}:repository/gromit",
            "image": ground["registries"]["tyk"],
            "environments' role": ground["execution_role_arn"],
            "role of exec": ground["exec_role_arn"],
            "role of serve": f"arn:aws:iam::{ACCOUNT}:role/gromit-serve",
            "execution role of pki": f"arn:aws:iam::{ACCOUNT}:role/gromit-pki-execution",
            "cluster": f"arn:aws:ecs:{HERE}:cluster/app-test",
            "our cluster": ground["cluster_arn"],
            "service": f"arn:aws:ecs:{HERE}:service/app-test/tyk",
            "service with exec": f"arn:aws:ecs:{HERE}:service/app-test/portal",
            "service with a longer name": f"arn:aws:ecs:{HERE}:service/app-test/portal-2",
            "our service with its name": f"arn:aws:ecs:{HERE}:service/internal/portal",
            "our service": f"arn:aws:ecs:{HERE}:service/internal/gromit-serve",
            "task": f"arn:aws:ecs:{HERE}:task/app-test/0a1b",
            "on_create": f"arn:aws:ecs:{HERE}:task-definition/app-test--tyk--on-create:1",
            "on_reap": f"arn:aws:ecs:{HERE}:task-definition/app-test--tyk--on-reap:1",
            "service's definition": f"arn:aws:ecs:{HERE}:task-definition/app-test--tyk:1",
            "our definition": f"arn:aws:ecs:{HERE}:task-definition/gromit-serve:1",
            "our task": f"arn:aws:ecs:{HERE}:task/internal/0a1b",
            "log": f"arn:aws:logs:{HERE}:log-group:/gromit/app-test",
            "log's stream": (
                f"arn:aws:logs:{HERE}:log-group:/gromit/app-test:log-stream:tyk/tyk/0a1b"
            ),
            "our log": f"arn:aws:logs:{HERE}:log-group:/gromit-control/serve",
            "sow's log": f"arn:aws:logs:{HERE}:log-group:/gromit-control/sow:*",
            "reap's log": f"arn:aws:logs:{HERE}:log-group:/gromit-control/reap:*",
            "another part's log": f"arn:aws:logs:{HERE}:log-group:/gromit-control/gateway",
            "our log's stream": (
                f"arn:aws:logs:{HERE}:log-group:/gromit-control/serve:log-stream:serve/1"
            ),
            "group": f"arn:aws:ec2:{HERE}:security-group/sg-0a1b",
            "vpc": f"arn:aws:ec2:{HERE}:vpc/{ground['vpc_id']}",
            "config": f"{volumes}/{ground['config_file_system_id']}",
            "certs": f"{volumes}/{ground['certs_file_system_id']}",
            "folder": f"arn:aws:elasticfilesystem:{HERE}:access-point/fsap-0a1b",
            "namespace": f"arn:aws:servicediscovery:{HERE}:namespace/{ground['namespace_id']}",
            "other namespace": f"arn:aws:servicediscovery:{HERE}:namespace/ns-0a1b",
            "name": f"arn:aws:servicediscovery:{HERE}:service/srv-0a1b",
            "topic": f"arn:aws:sns:{HERE}:gromit-alarms",
            "*": "*",
        }
        return known[what]

    def at(self, volume: str) -> Mapping[str, str]:
        """Return the condition keys of a mount of a whole volume: its access point."""
        return self._at(self.ground[f"{volume}_access_point_id"])

    def at_part(self, part: str) -> Mapping[str, str]:
        """Return the condition keys of a mount of a part's folder in the volume `certs`."""
        return self._at(self.ground["certs_part_access_points"][part])

    def _at(self, point: str) -> Mapping[str, str]:
        return {
            "elasticfilesystem:AccessPointArn": (
                f"arn:aws:elasticfilesystem:{HERE}:access-point/{point}"
            )
        }

    def containers(self) -> Mapping[str, dict[str, Any]]:
        """Return the container of each part."""
        ecs = self.emulator.client("ecs")
        families = ecs.list_task_definition_families(familyPrefix="gromit-", status="ACTIVE")[
            "families"
        ]
        found = [ecs.describe_task_definition(taskDefinition=f)["taskDefinition"] for f in families]
        return {
            d["containerDefinitions"][0]["name"]: d["containerDefinitions"][0] | {"definition": d}
            for d in found
        }
