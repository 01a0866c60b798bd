"""Client of Terraform Cloud for the doctor: workspaces, and what they say of their states.

It asks for no state, so that a token that may not read states is enough.
The token goes only into a header: no message, log or result contains it.
"""

import ssl
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from gromit.core.doctor.installation import WorkspaceFacts
from gromit.core.security.loopback import is_loopback
from gromit.errors import BackendError, ConfigError, Denied, NotFound, Temporary

TIMEOUT = httpx2.Timeout(15, connect=5)


def new_client(url: str, token: str) -> httpx2.Client:
    """Return a client that sends the token.

    Raises `ConfigError` for a URL that would get it in clear text or has a path, and for an
    impossible token.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            "doctor.terraform_cloud is not an https URL",
            hint="the token would be sent in clear text; use https, or http://127.0.0.1",
        )
    if parts.path not in {"", "/"}:
        raise ConfigError(
            f"doctor.terraform_cloud has a path, {parts.path}",
            hint="set the scheme and the host alone, such as https://app.terraform.io",
        )
    if not token.isascii() or not token.isprintable():
        raise ConfigError(
            "TF_API_TOKEN is not a token", hint="it contains characters that no token has"
        )
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.api+json"}
    return httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT, follow_redirects=False)


class TerraformCloud:
    """Workspaces of one organisation."""

    def __init__(self, http: httpx2.Client, organization: str) -> None:
        self._http = http
        self._organization = organization

    def workspace(self, name: str) -> WorkspaceFacts:
        """Return execution mode, lock and extent of a workspace.

        Raises `NotFound`, `Denied`, `Temporary` or `BackendError`.
        """
        organization = quote(self._organization, safe="")
        workspace = quote(name, safe="")
        found = self._get(f"/api/v2/organizations/{organization}/workspaces/{workspace}")
        if found is None:
            raise NotFound(
                f"organisation {self._organization} has no workspace {name}, "
                "or the token may not read it",
                hint="check GROMIT_BASE, GROMIT_INFRA and TF_CLOUD_ORGANIZATION, "
                "and the permissions of TF_API_TOKEN",
            )
        resources = _number(found, "resource-count")
        return WorkspaceFacts(
            name=name,
            execution_mode=str(_attribute(found, "execution-mode")),
            is_applied=resources > 0 or _has_state(found),
            resources=resources,
            is_locked=_attribute(found, "locked") is True,
            token_reads_state=_may_read_state(found),
        )

    def _get(self, path: str) -> Any:
        """Return the `data` of a response; None for 404."""
        try:
            answer = self._http.get(path)
        except httpx2.HTTPError as error:
            problem = f"could not reach Terraform Cloud at {self._http.base_url}: {error}"
            raise Temporary(problem, hint=_remedy(error)) from error
        if answer.status_code == 404:
            return None
        if refusal := _REFUSALS.get(answer.status_code):
            raise Denied(f"Terraform Cloud answers {answer.status_code}", hint=refusal)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Temporary(f"Terraform Cloud answers {answer.status_code}", hint="try again later")
        if answer.status_code != 200:
            raise BackendError(
                f"Terraform Cloud answers {answer.status_code}", hint="check doctor.terraform_cloud"
            )
        try:
            return answer.json()["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise _not_terraform_cloud() from error


_REFUSALS = {
    401: "TF_API_TOKEN was refused, because it is wrong or has expired: create a new one",
    403: "TF_API_TOKEN is valid, but lacks the permission: let its team read runs of the "
    "workspace (docs/reference/doctor.md)",
}


def _remedy(error: BaseException) -> str:
    """Remedy for a server that cannot be reached."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "this machine does not trust the server's certificate: "
                "set SSL_CERT_FILE to a file with the certificate of its CA"
            )
        cause = cause.__cause__ or cause.__context__
    return "check doctor.terraform_cloud and internet access"


def _has_state(workspace: Any) -> bool:
    """Whether a workspace relates to a state, without a look at it."""
    try:
        return workspace["relationships"]["current-state-version"]["data"] is not None
    except (KeyError, TypeError):
        return False


def _may_read_state(workspace: Any) -> bool:
    """Whether the answer grants the token the download of states; False if it does not say."""
    try:
        return workspace["attributes"]["permissions"]["can-read-state-versions"] is True
    except (KeyError, TypeError):
        return False


def _field(data: Any, name: str) -> Any:
    try:
        return data[name]
    except (KeyError, TypeError) as error:
        raise _not_terraform_cloud() from error


def _attribute(data: Any, name: str) -> Any:
    return _field(_field(data, "attributes"), name)


def _number(data: Any, name: str) -> int:
    try:
        return int(_attribute(data, name))
    except (TypeError, ValueError) as error:
        raise _not_terraform_cloud() from error


def _not_terraform_cloud() -> BackendError:
    return BackendError("the server is not Terraform Cloud", hint="check doctor.terraform_cloud")
