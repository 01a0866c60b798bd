"""Workspaces of a Terraform Cloud on loopback; no message contains the token."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gromit.core.doctor.installation import WorkspaceFacts
from gromit.errors import BackendError, ConfigError, Denied, GromitError, NotFound, Temporary
from gromit.web.clients.terraform_cloud import TerraformCloud, new_client
from tests.fakes.authority import TestCa
from tests.fakes.terraform_cloud import ORGANIZATION, TerraformCloudServer, terraform_cloud

TOKEN = "canary-of-a-token"


@pytest.fixture
def server() -> Iterator[TerraformCloudServer]:
    with terraform_cloud(TOKEN, base_prod=9, infra_prod=None) as made:
        yield made


def look(
    server: TerraformCloudServer,
    name: str = "base-prod",
    *,
    token: str = TOKEN,
    organization: str = ORGANIZATION,
) -> WorkspaceFacts:
    with closing(new_client(server.url, token)) as http:
        return TerraformCloud(http, organization).workspace(name)


def test_a_workspace_says_how_much_it_has(server: TerraformCloudServer) -> None:
    assert look(server) == WorkspaceFacts("base-prod", "local", is_applied=True, resources=9)


def test_a_workspace_without_a_state_says_so(server: TerraformCloudServer) -> None:
    assert look(server, "infra-prod") == WorkspaceFacts("infra-prod", "local", is_applied=False)


def test_a_workspace_whose_resources_were_all_removed_is_applied() -> None:
    with terraform_cloud(TOKEN, base_prod=0) as emptied:
        assert look(emptied) == WorkspaceFacts("base-prod", "local", is_applied=True)


def test_a_locked_workspace_says_so(server: TerraformCloudServer) -> None:
    server.locked = True
    assert look(server).is_locked


@pytest.mark.parametrize("reads_states", [False, True])
def test_no_state_is_asked_for(server: TerraformCloudServer, reads_states: bool) -> None:
    """A token that may not read states is enough."""
    server.reads_states = reads_states
    assert look(server).token_reads_state is reads_states
    assert server.asked == ["/api/v2/organizations/acme/workspaces/base-prod"]


@pytest.mark.parametrize("mode", ["remote", "agent"])
def test_a_workspace_says_where_its_runs_are_executed(
    server: TerraformCloudServer, mode: str
) -> None:
    server.execution_mode = mode
    assert [look(server, name).execution_mode for name in ("base-prod", "infra-prod")] == [
        mode,
        mode,
    ]


def test_names_do_not_lead_elsewhere(server: TerraformCloudServer) -> None:
    with pytest.raises(NotFound):
        look(server, "../base-prod?x")
    assert server.asked == ["/api/v2/organizations/acme/workspaces/..%2Fbase-prod%3Fx"]


@pytest.mark.parametrize(
    ("name", "organization"), [("absent", ORGANIZATION), ("base-prod", "others")]
)
def test_what_is_not_there_is_named(
    server: TerraformCloudServer, name: str, organization: str
) -> None:
    with pytest.raises(NotFound, match=f"organisation {organization} has no workspace {name}"):
        look(server, name, organization=organization)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Denied),
        (403, Denied),
        (429, Temporary),
        (500, Temporary),
        (503, Temporary),
        (302, BackendError),
        (400, BackendError),
    ],
)
def test_what_it_answers_instead_is_said(
    server: TerraformCloudServer, status: int, error: type[GromitError]
) -> None:
    server.status = status
    with pytest.raises(error, match=str(status)) as caught:
        look(server)
    assert type(caught.value) is error
    assert caught.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"data": []}',
        b'{"data": {"attributes": {"resource-count": 1, "locked": false}}}',
        b'{"data": {"attributes": {"resource-count": 1, "execution-mode": "local"}}}',
        (
            b'{"data": {"attributes":'
            b' {"execution-mode": "local", "resource-count": "x", "locked": false}}}'
        ),
    ],
)
def test_what_is_not_terraform_cloud_is_said(server: TerraformCloudServer, body: bytes) -> None:
    server.body = body
    with pytest.raises(BackendError, match="is not Terraform Cloud"):
        look(server)


def test_a_wrong_token_is_refused_and_not_quoted(server: TerraformCloudServer) -> None:
    with pytest.raises(Denied) as caught:
        look(server, token="canary-of-another-token")
    assert "canary" not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("related", [b"", b', "relationships": {}', b', "relationships": []'])
def test_the_number_of_resources_is_enough(server: TerraformCloudServer, related: bytes) -> None:
    server.body = (
        b'{"data": {"attributes": {"execution-mode": "local", "resource-count": 3,'
        b' "locked": false, "permissions": null}' + related + b"}}"
    )
    assert look(server) == WorkspaceFacts("base-prod", "local", is_applied=True, resources=3)


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "create a new one"), (403, "lacks the permission")]
)
def test_a_refused_token_and_a_missing_permission_have_remedies_of_their_own(
    server: TerraformCloudServer, status: int, remedy: str
) -> None:
    server.status = status
    with pytest.raises(Denied) as caught:
        look(server)
    assert remedy in str(caught.value.hint)


def test_an_unknown_ca_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = TestCa(tmp_path)
    files = ca.leaf("cloud", "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.cert, files.key)
    with terraform_cloud(TOKEN, tls, base_prod=9) as private:
        with pytest.raises(Temporary, match="could not reach Terraform Cloud") as caught:
            look(private)
        assert "SSL_CERT_FILE" in str(caught.value.hint)
        assert private.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.path))
        assert look(private).resources == 9


@pytest.mark.parametrize("path", ["/api/v2", "/x"])
def test_a_path_is_refused(server: TerraformCloudServer, path: str) -> None:
    with pytest.raises(ConfigError, match=f"has a path, {path}"):
        new_client(server.url + path, TOKEN)
    with closing(new_client(f"{server.url}/", TOKEN)) as http:
        assert TerraformCloud(http, ORGANIZATION).workspace("base-prod").is_applied


def test_one_that_cannot_be_reached_is_said() -> None:
    with terraform_cloud(TOKEN) as gone:
        pass
    with pytest.raises(Temporary, match="could not reach Terraform Cloud") as caught:
        look(gone)
    assert TOKEN not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "url",
    ["http://app.terraform.io", "http://10.0.0.1:8080", "ftp://localhost.example.com", "nonsense"],
)
def test_the_token_is_not_sent_in_clear(url: str) -> None:
    with pytest.raises(ConfigError, match="not an https URL"):
        new_client(url, TOKEN)


@pytest.mark.parametrize("token", ["canary\r\nX-Header: 1", "canäry"])
def test_what_cannot_be_a_token_is_not_sent_nor_quoted(token: str) -> None:
    with pytest.raises(ConfigError, match="TF_API_TOKEN is not a token") as caught:
        new_client("https://app.terraform.io", token)
    assert token not in f"{caught.value} {caught.value.hint}"
