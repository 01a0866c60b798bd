"""What a release workflow does, and how people reach what came of it: images, builds, addresses."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from gromit.adapters.aws.client import aws_errors
from gromit.core.names import is_tag, parse_ref, parse_repository, parse_version
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import BackendError, Temporary
from gromit.local.cloud.layout import CloudState
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.platform import push_image

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """A public name that resolves now."""

    environment: str
    component: str
    name: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """What a browser would be given."""
        return f"http://{self.name}:{self.port}/"

    @property
    def curl(self) -> str:
        """A line that works with stock curl, which cannot be told to ask our DNS server."""
        return f"curl --resolve {self.name}:{self.port}:{self.address} {self.url}"


def push(facts: CloudState, repository: str, ref: str, sha: str | None = None) -> dict[str, str]:
    """Put an image of a build into the registry, under its sha and under the ref's last element; gives what was pushed."""
    name, branch = parse_repository(repository), parse_ref(ref)
    version = parse_version(sha) if sha else secrets.token_hex(20)
    tags = [version, *([branch.leaf] if is_tag(branch.leaf) else [])]
    digest = push_image(emulated_account(facts), name, tags)
    return {
        "repo": name,
        "ref": ref,
        "sha": version,
        "environment": branch.environment,
        "digest": digest,
    }


def report(facts: CloudState, token: str, build: Mapping[str, str]) -> dict[str, Any]:
    """Report a build through the gateway; gives the environment as the gateway answers it."""
    body = {key: build[key] for key in ("repo", "ref", "sha")}
    return dict(json.loads(_call(facts, token, "POST", "newbuild", body)))


def retire(facts: CloudState, token: str, environment: str) -> None:
    """Say through the gateway that a repository's branch was deleted."""
    _call(facts, token, "DELETE", f"env/{environment}")


def addresses(
    facts: CloudState, catalogue: Catalogue, environment: str | None = None
) -> list[ResolvedName]:
    """All public names that resolve now, of one environment or of all."""
    found = []
    for name, values in _records(facts):
        labels = name.removesuffix(f".{facts.domain}").split(".")
        component = catalogue.components.get(labels[0])
        if len(labels) == 2 and component and component.port and environment in {None, labels[1]}:
            found += [
                ResolvedName(labels[1], labels[0], name, value, component.port) for value in values
            ]
    return sorted(found, key=lambda a: (a.environment, a.component, a.address))


def _records(facts: CloudState) -> list[tuple[str, Sequence[str]]]:
    client = emulated_account(facts).client("route53")
    with aws_errors("read the public names"):
        pages = client.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=facts.zone_id
        )
        sets = [s for page in pages for s in page["ResourceRecordSets"] if s["Type"] == "A"]
    return [(s["Name"].rstrip("."), [r["Value"] for r in s["ResourceRecords"]]) for s in sets]


def _call(
    facts: CloudState, token: str, method: str, path: str, body: Mapping[str, str] | None = None
) -> str:
    url = f"{facts.url('gateway')}/gromit/{path}"
    try:
        answer = httpx2.request(
            method,
            url,
            json=body,
            headers={"Authorization": token},
            timeout=_TIMEOUT,
            trust_env=False,
        )
    except httpx2.HTTPError as error:
        raise Temporary(
            f"the gateway at {url} cannot be reached: {error}", hint="see `gromit local status`"
        ) from error
    if answer.is_error:
        raise BackendError(
            f"the gateway answered {answer.status_code} to {method} /gromit/{path}: {_error(answer)}"
        )
    return answer.text


def _error(answer: httpx2.Response) -> str:
    """The sentence in a refusal; all of one that is not of ours."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()
