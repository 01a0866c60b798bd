"""Client of Terraform Cloud for the doctor: workspaces, their execution mode and state serial.

The token goes only into a header: no message, log or result contains it.
"""

from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from gromit.core.doctor.installation import WorkspaceFacts
from gromit.core.security.loopback import is_loopback
from gromit.errors import BackendError, ConfigError, Denied, NotFound, Temporary

TIMEOUT = httpx2.Timeout(15, connect=5)


def new_client(url: str, token: str) -> httpx2.Client:
    """Return a client that sends the token.

    Raises `ConfigError` for a URL that would get it in clear text, and for an impossible token.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            "doctor.terraform_cloud is not an https URL",
            hint="the token would be sent in clear text; use https, or http://127.0.0.1",
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
        """Return execution mode and serial of a workspace.

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
        mode = str(_attribute(found, "execution-mode"))
        workspace_id = quote(str(_field(found, "id")), safe="")
        state = self._get(f"/api/v2/workspaces/{workspace_id}/current-state-version")
        if state is None:
            return WorkspaceFacts(name, mode, None)
        return WorkspaceFacts(
            name, mode, _number(state, "serial"), _number(found, "resource-count")
        )

    def _get(self, path: str) -> Any:
        """Return the `data` of a response; None for 404."""
        try:
            answer = self._http.get(path)
        except httpx2.HTTPError as error:
            problem = f"could not reach Terraform Cloud at {self._http.base_url}: {error}"
            raise Temporary(
                problem, hint="check doctor.terraform_cloud and internet access"
            ) from error
        if answer.status_code == 404:
            return None
        if answer.status_code in {401, 403}:
            raise Denied(
                f"Terraform Cloud answers {answer.status_code}",
                hint="TF_API_TOKEN was refused: create a new one",
            )
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
