"""Actions of a release workflow (push images, report builds), and addresses of the result."""

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
from gromit.local.plain_http import no_cas

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """A public name that currently resolves."""

    environment: str
    component: str
    name: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """URL for a browser."""
        return f"http://{self.name}:{self.port}/"

    @property
    def curl(self) -> str:
        """Command line for stock curl, which cannot use the cloud's DNS server."""
        return f"curl --resolve {self.name}:{self.port}:{self.address} {self.url}"


def push(
    facts: CloudState,
    repository: str,
    ref: str,
    sha: str | None = None,
    failure: str | None = None,
) -> dict[str, str]:
    """Push the image of a build, tagged with its sha and the ref's last element; return the build.

    A ref whose last element is no valid tag gets no such tag. The image rehearses `failure`.
    """
    name, branch = parse_repository(repository), parse_ref(ref)
    version = parse_version(sha) if sha else secrets.token_hex(20)
    tags = [version]
    if is_tag(branch.leaf):
        tags.append(branch.leaf)
    digest = push_image(emulated_account(facts), name, tags, failure)
    return {
        "repo": name,
        "ref": ref,
        "sha": version,
        "environment": branch.environment,
        "digest": digest,
    }


def report(facts: CloudState, token: str, build: Mapping[str, str]) -> dict[str, Any]:
    """Report a build through the gateway; return the gateway's answer, the environment."""
    body = {key: build[key] for key in ("repo", "ref", "sha")}
    return dict(json.loads(_call(facts, token, "POST", "newbuild", body)))


def retire(facts: CloudState, token: str, environment: str) -> None:
    """Report through the gateway that a repository's branch was deleted."""
    _call(facts, token, "DELETE", f"env/{environment}")


def addresses(
    facts: CloudState, catalogue: Catalogue, environment: str | None = None
) -> list[ResolvedName]:
    """Return the public names that currently resolve, of one environment or of all."""
    found = []
    for name, values in _records(facts):
        component_name, _, owner = name.removesuffix(f".{facts.domain}").partition(".")
        component = catalogue.components.get(component_name)
        # Other records of the zone have no component, or more labels.
        if not component or not component.port or not owner or "." in owner:
            continue
        if environment in {None, owner}:
            found += [
                ResolvedName(owner, component_name, name, value, component.port) for value in values
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
            verify=no_cas(),
        )
    except httpx2.HTTPError as error:
        raise Temporary(
            f"cannot reach the gateway at {url}: {error}", hint="Run `gromit local status`."
        ) from error
    if answer.is_error:
        request = f"{method} /gromit/{path}"
        raise BackendError(
            f"the gateway answered {answer.status_code} to {request}: {_error(answer)}"
        )
    return answer.text


def _error(answer: httpx2.Response) -> str:
    """Return the message of gromit's error response, or the whole text of another response."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()
