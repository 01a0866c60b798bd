"""Looks at a local cloud from outside, as its users do: by DNS, HTTP, serve's API and AWS's.

Each look says what is not as it should be, in words, or nothing: an empty text.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.resolver
import httpx2

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.config_tree.folder import config_hash
from gromit.bootstrap.clients import serve_client
from gromit.config.load import load_settings
from gromit.core.stack.catalogue import Component
from gromit.errors import BackendError, NotFound
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.platform import BUCKET

_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class ExpectedComponent:
    """What a component of an environment should be."""

    component: Component
    environment: str
    version: str


class CloudProbe:
    """Looks at one cloud that is up."""

    def __init__(self, place: CloudPaths, facts: CloudState) -> None:
        self._place, self._facts = place, facts
        self._account = emulated_account(facts)
        self._serve = serve_client(load_settings(variables.user_variables(place, facts)).settings)
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers, self._resolver.port = ["127.0.0.1"], facts.ports["dns"]

    # ── one look each ──

    def environment(self, name: str, phase: str) -> str:
        """Whether serve says that an environment is in a phase. Raises `BackendError` if it has failed instead."""
        try:
            found = self._serve.get(f"/v1/environments/{name}")
        except NotFound:
            return f"serve knows no environment {name}"
        if found["phase"] == "failed":
            raise BackendError(f"{name} has failed: {found.get('error')}")
        return "" if found["phase"] == phase else f"serve says that {name} is {found['phase']}"

    def public(self, expected: ExpectedComponent) -> str:
        """Whether a component answers under its public name with its version, and with the config that lies in the config root."""
        return self._answers(expected, self.public_name(expected))

    def internal(self, expected: ExpectedComponent) -> str:
        """Whether a component runs its version: it answers under its internal name, or, without a port, ECS says so."""
        if expected.component.port is None:
            return self._runs(expected)
        return self._answers(expected, f"{expected.component.name}.{expected.environment}.internal")

    def unpublished(self, expected: ExpectedComponent) -> str:
        """Whether a component has no public name."""
        name = self.public_name(expected)
        return f"{name} resolves" if self.resolve(name) else ""

    def task(self, expected: ExpectedComponent) -> str:
        """The task that answers under a component's internal name; an empty text if none does."""
        name = f"{expected.component.name}.{expected.environment}.internal"
        said = self._get(name, expected.component.port or 0)
        return "" if isinstance(said, str) else str(said["task"])

    def leftovers(self, environment: str) -> str:
        """What is left of an environment that should be gone, by kind."""
        kinds = Counter(self._left(environment))
        return (
            "left: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            if kinds
            else ""
        )

    # ── how it looks ──

    def public_name(self, expected: ExpectedComponent) -> str:
        """The name that the world uses."""
        return f"{expected.component.name}.{expected.environment}.{self._facts.domain}"

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name, by the cloud's DNS server; none if it does not exist."""
        try:
            return [
                record.address for record in self._resolver.resolve(name, "A", lifetime=_TIMEOUT)
            ]
        except (
            dns.resolver.NXDOMAIN,
            dns.resolver.NoAnswer,
            dns.exception.Timeout,
            dns.resolver.NoNameservers,
        ):
            return []

    def _get(self, name: str, port: int) -> dict[str, Any] | str:
        """What `GET /` gives under a name; in words why it does not."""
        addresses = self.resolve(name)
        if not addresses:
            return f"{name} does not resolve"
        try:
            answer = httpx2.get(
                f"http://{addresses[0]}:{port}/",
                headers={"Host": f"{name}:{port}"},
                timeout=_TIMEOUT,
                trust_env=False,
            )
        except httpx2.HTTPError as error:
            return f"{name}:{port} at {addresses[0]} does not answer: {error}"
        return (
            dict(answer.json())
            if answer.is_success
            else f"{name}:{port} answers {answer.status_code}"
        )

    def _answers(self, expected: ExpectedComponent, name: str) -> str:
        said = self._get(name, expected.component.port or 0)
        if isinstance(said, str):
            return said
        folder = self._place.config / expected.environment / expected.component.name
        wanted = {
            "component": expected.component.name,
            "environment": expected.environment,
            "version": expected.version,
            "config_sha256": config_hash(folder) if expected.component.config_path else None,
        }
        wrong = [
            f"{key} {said.get(key)} instead of {value}"
            for key, value in wanted.items()
            if said.get(key) != value
        ]
        return f"{name} answers with {', '.join(wrong)}" if wrong else ""

    def _runs(self, expected: ExpectedComponent) -> str:
        ecs, name = self._account.client("ecs"), expected.component.name
        with aws_errors(f"look at {name} of {expected.environment}"):
            arns = ecs.list_tasks(cluster=expected.environment, serviceName=name)["taskArns"]
            tasks = (
                ecs.describe_tasks(cluster=expected.environment, tasks=arns)["tasks"]
                if arns
                else []
            )
        images = [t["containers"][0]["image"] for t in tasks if t["lastStatus"] == "RUNNING"]
        if not images:
            return f"no task of {name} runs"
        return (
            ""
            if all(i.endswith(f":{expected.version}") for i in images)
            else f"{name} runs {', '.join(images)}"
        )

    def _left(self, environment: str) -> Iterator[str]:
        """The kind of each thing that is left."""
        with aws_errors(f"look for what is left of {environment}"):
            yield from self._left_in_ecs(environment)
            yield from self._left_in_network(environment)
            route53, s3 = self._account.client("route53"), self._account.client("s3")
            pages = route53.get_paginator("list_resource_record_sets").paginate(
                HostedZoneId=self._facts.zone_id
            )
            suffix = f".{environment}.{self._facts.domain}."
            yield from (
                "DNS record"
                for page in pages
                for s in page["ResourceRecordSets"]
                if s["Name"].endswith(suffix)
            )
            objects = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"env:/{environment}/").get(
                "Contents", []
            )
            yield from ("state object" for _ in objects)
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
