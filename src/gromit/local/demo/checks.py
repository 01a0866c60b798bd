"""Checks of a local cloud from outside, as users see it: by DNS, HTTP, serve's API and AWS's API.

Each check returns a description of what is wrong, or an empty text.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.resolver
import httpx2

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.config_tree.folder import config_hash
from gromit.bootstrap.clients import serve_client
from gromit.config.load import load_settings
from gromit.core.stack.catalogue import Component
from gromit.errors import BackendError, NotFound
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.platform import BUCKET
from gromit.local.plain_http import no_cas

_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class ExpectedComponent:
    """Expected component of an environment."""

    component: Component
    environment: str
    version: str


class CloudProbe:
    """Checks one cloud that is up."""

    def __init__(self, place: CloudPaths, facts: CloudState) -> None:
        self._place, self._facts = place, facts
        self._account = emulated_account(facts)
        self._serve = serve_client(load_settings(variables.user_variables(place, facts)).settings)
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers, self._resolver.port = ["127.0.0.1"], facts.ports["dns"]

    # ── checks ──

    def environment(self, name: str, phase: str) -> str:
        """Check that an environment is in a phase. Raises `BackendError` if it has failed."""
        try:
            found = self._serve.get(f"/v1/environments/{name}")
        except NotFound:
            return f"serve knows no environment {name}"
        if found["phase"] == "failed":
            raise BackendError(f"{name} has failed: {found.get('error')}")
        return "" if found["phase"] == phase else f"serve says that {name} is {found['phase']}"

    def public(self, expected: ExpectedComponent) -> str:
        """Check that a component answers under its public name, with its version and config.

        The config must be the one in the config root.
        """
        return self._answers(expected, self.public_name(expected))

    def internal(self, expected: ExpectedComponent) -> str:
        """Check that a component runs its version.

        It must answer under its internal name; without a port, ECS must report it.
        """
        if expected.component.port is None:
            return self._runs(expected)
        return self._answers(expected, f"{expected.component.name}.{expected.environment}.internal")

    def unpublished(self, expected: ExpectedComponent) -> str:
        """Check that a component has no public name."""
        name = self.public_name(expected)
        return f"{name} resolves" if self.resolve(name) else ""

    def task(self, expected: ExpectedComponent) -> str:
        """Return the task that answers under a component's internal name; empty if none does."""
        name = f"{expected.component.name}.{expected.environment}.internal"
        said = self._get(name, expected.component.port or 0)
        return "" if isinstance(said, str) else str(said["task"])

    def leftovers(self, environment: str) -> str:
        """Check that nothing is left of an environment, and count leftovers by kind."""
        kinds = Counter(self._left(environment))
        if not kinds:
            return ""
        return "left: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())

    # ── observations ──

    def public_name(self, expected: ExpectedComponent) -> str:
        """Return the public name of a component."""
        return f"{expected.component.name}.{expected.environment}.{self._facts.domain}"

    def resolve(self, name: str) -> list[str]:
        """Return the addresses of a name from the cloud's DNS server; none if it has none."""
        try:
            records = self._resolver.resolve(name, "A", lifetime=_TIMEOUT)
        except (
            dns.resolver.NXDOMAIN,
            dns.resolver.NoAnswer,
            dns.exception.Timeout,
            dns.resolver.NoNameservers,
        ):
            return []
        return [record.address for record in records]

    def _get(self, name: str, port: int) -> dict[str, Any] | str:
        """Return the answer to `GET /` under a name, or a description of the failure."""
        addresses = self.resolve(name)
        if not addresses:
            return f"{name} does not resolve"
        try:
            answer = httpx2.get(
                f"http://{addresses[0]}:{port}/",
                headers={"Host": f"{name}:{port}"},
                timeout=_TIMEOUT,
                trust_env=False,
                verify=no_cas(),
            )
        except httpx2.HTTPError as error:
            return f"{name}:{port} at {addresses[0]} does not answer: {error}"
        if not answer.is_success:
            return f"{name}:{port} answers {answer.status_code}"
        return dict(answer.json())

    def _answers(self, expected: ExpectedComponent, name: str) -> str:
        said = self._get(name, expected.component.port or 0)
        if isinstance(said, str):
            return said
        folder = self._place.config / expected.environment / expected.component.name
        values = {
            "component": expected.component.name,
            "environment": expected.environment,
            "version": expected.version,
            "config_sha256": config_hash(folder) if expected.component.config_path else None,
        }
        wrong = [
            f"{key} {said.get(key)} instead of {value}"
            for key, value in values.items()
            if said.get(key) != value
        ]
        return f"{name} answers with {', '.join(wrong)}" if wrong else ""

    def _runs(self, expected: ExpectedComponent) -> str:
        ecs, name = self._account.client("ecs"), expected.component.name
        with aws_errors(f"describe {name} of {expected.environment}"):
            arns = ecs.list_tasks(cluster=expected.environment, serviceName=name)["taskArns"]
            tasks = []
            if arns:
                tasks = ecs.describe_tasks(cluster=expected.environment, tasks=arns)["tasks"]
        images = [t["containers"][0]["image"] for t in tasks if t["lastStatus"] == "RUNNING"]
        if not images:
            return f"no task of {name} runs"
        repository = str(expected.component.repository)
        digests = EcrImages(self._account.client("ecr")).digests([(repository, expected.version)])
        if all(image.rpartition("@")[2] in digests.values() for image in images):
            return ""
        return f"{name} runs {', '.join(images)}"

    def _left(self, environment: str) -> Iterator[str]:
        """Yield the kind of each resource that is left."""
        with aws_errors(f"find leftovers of {environment}"):
            yield from self._left_in_ecs(environment)
            yield from self._left_in_network(environment)
            yield from self._left_in_zone(environment)
            prefix = f"env:/{environment}/"
            objects = self._account.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
            yield from ("state object" for _ in objects.get("Contents", []))
        if (self._place.config / environment).exists():
            yield "config folder"

    def _left_in_ecs(self, environment: str) -> Iterator[str]:
        ecs = self._account.client("ecs")
        found = ecs.describe_clusters(clusters=[environment])["clusters"]
        yield from ("cluster" for cluster in found if cluster["status"] != "INACTIVE")
        if found:
            yield from (
                "service"
                for _ in ecs.list_services(cluster=environment, maxResults=100)["serviceArns"]
            )
            yield from ("task" for _ in ecs.list_tasks(cluster=environment)["taskArns"])

    def _left_in_zone(self, environment: str) -> Iterator[str]:
        route53 = self._account.client("route53")
        pages = route53.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=self._facts.zone_id
        )
        suffix = f".{environment}.{self._facts.domain}."
        for page in pages:
            sets = page["ResourceRecordSets"]
            yield from ("DNS record" for record in sets if record["Name"].endswith(suffix))

    def _left_in_network(self, environment: str) -> Iterator[str]:
        ec2, discovery = self._account.client("ec2"), self._account.client("servicediscovery")
        by_cluster = [{"Name": "tag:aws:ecs:clusterName", "Values": [environment]}]
        yield from (
            "network interface"
            for _ in ec2.describe_network_interfaces(Filters=by_cluster)["NetworkInterfaces"]
        )
        by_tag = [{"Name": "tag:env", "Values": [environment]}]
        yield from (
            "security group" for _ in ec2.describe_security_groups(Filters=by_tag)["SecurityGroups"]
        )
        names = [s["Name"] for s in discovery.list_services()["Services"]]
        yield from ("internal name" for name in names if name.endswith(f".{environment}"))
