"""Environment variables of a cloud's parts and users."""

import ipaddress
import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gromit.config.fields import fields
from gromit.config.load import load_settings
from gromit.errors import ConfigError, NotFound
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths, CloudState, read_state, require_state, write_state
from gromit.local.cloud.network import Ranges
from gromit.local.login.made_up import LoginSecrets

RANGES = Ranges(ipaddress.IPv4Network("127.44.0.0/16"), ipaddress.IPv4Network("127.45.0.0/16"))
PORTS = {
    "aws": 1001,
    "dns": 1002,
    "names": 1007,
    "serve": 1003,
    "health": 1004,
    "gateway": 1005,
    "metrics": 1009,
}
FACTS = CloudState(
    domain="dev.gromit.test",
    region="eu-central-1",
    ranges=RANGES,
    ports=PORTS,
    zone_id="Z1",
    account_id="123456789012",
)
USERS = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
    "GROMIT_SERVE_URL": "https://serve.example.com",
    "GROMIT_CLUSTER_ZONEID": "ZPRODUCTION",
    "GROMIT_REAP_GRACE": "2h",
    "GROMIT_SOW_SETTLE_POLL": "1s",
    "GROMIT_TERRAFORM_MIRROR": "/mirror",
    "TF_LOG": "trace",
}


@pytest.fixture
def place(tmp_path: Path) -> CloudPaths:
    root = tmp_path / "it's a $(strange) folder"
    root.mkdir()
    CloudPaths(root).token.write_text("gromit_secret\n")
    return CloudPaths(root)


@pytest.mark.parametrize(
    "make", [variables.serve_variables, variables.gateway_variables, variables.worker_variables]
)
def test_nothing_of_another_installation_reaches_the_parts(make: object, place: CloudPaths) -> None:
    assert callable(make)
    environ = make(USERS, place, FACTS)
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "TF_LOG"} & environ.keys()
    assert environ["GROMIT_SERVE_URL"] == "https://127.0.0.1:1003"
    assert environ["GROMIT_CLUSTER_ZONEID"] == "Z1"
    assert (environ["PATH"], environ["HOME"], environ["GROMIT_TERRAFORM_MIRROR"]) == (
        "/bin",
        "/home/me",
        "/mirror",
    )
    load_settings(environ)


def test_every_variable_is_a_setting_of_the_product_or_one_that_the_issue_names(
    place: CloudPaths,
) -> None:
    known = {doc.variable for doc in fields()}
    environ = [variables.user_variables(place, FACTS), variables.command_variables({}, place)]
    environ += [
        make({}, place, FACTS)
        for make in (
            variables.serve_variables,
            variables.gateway_variables,
            variables.worker_variables,
        )
    ]
    ours = {name for each in environ for name in each if name.startswith("GROMIT_")}
    assert ours - known == {"GROMIT_TOKEN", "GROMIT_DNS"}


def test_people_log_in_where_a_cloud_has_some(place: CloudPaths) -> None:
    facts = replace(FACTS, people={"olga": "operator"}, ports={**PORTS, "login": 1006})
    LoginSecrets.make(place.login_secrets)
    gateway = load_settings(variables.gateway_variables(USERS, place, facts)).settings.gateway
    assert (gateway.url, gateway.login.issuer) == ("http://127.0.0.1:1005", "http://127.0.0.1:1006")
    serve = load_settings(variables.serve_variables(USERS, place, facts)).settings.serve
    assert serve.people == "operator"
    without = load_settings(variables.gateway_variables(USERS, place, FACTS)).settings.gateway
    assert without.login.issuer is None
    assert variables.person_variables(place, facts) == {
        "GROMIT_GATEWAY_URL": "http://127.0.0.1:1005",
        "GROMIT_CLIENT_LOGIN": str(place.login),
        "GROMIT_CLIENT_NAME_PROXY": "localhost:1007",
    }
    # A person with AWS credentials has nothing else of the operator.
    added = variables.person_variables(place, facts, with_aws=True).keys()
    operator = variables.user_variables(place, facts)
    assert {name for name in operator if name.startswith("AWS_")} == {
        name for name in added if name.startswith("AWS_")
    }
    assert {name for name in added if name.startswith("GROMIT_")} == {
        "GROMIT_GATEWAY_URL",
        "GROMIT_CLIENT_LOGIN",
        "GROMIT_CLIENT_NAME_PROXY",
    }


def test_the_state_keeps_the_people(place: CloudPaths) -> None:
    facts = replace(FACTS, people={"olga": "operator"})
    write_state(place, facts)
    assert read_state(place) == facts


@pytest.mark.parametrize("name", ["GROMIT_SERVE_URL", "GROMIT_CA"])
def test_a_setting_that_a_new_cloud_would_ignore_is_refused(name: str) -> None:
    kept = variables.with_settings({"PATH": "/bin"}, {"GROMIT_REAP_LIMIT": "3"})
    assert kept == {"PATH": "/bin", "GROMIT_REAP_LIMIT": "3"}
    with pytest.raises(ConfigError, match=name):
        variables.with_settings({}, {name: "1m"})


def test_a_chosen_grace_period_reaches_the_cloud_and_one_of_the_shell_does_not() -> None:
    theirs = {"PATH": "/bin", "GROMIT_REAP_GRACE": "2h"}
    assert variables.with_settings(theirs, {}) == {"PATH": "/bin"}
    chosen = variables.with_settings(theirs, {"GROMIT_REAP_GRACE": "60"})
    assert chosen["GROMIT_REAP_GRACE"] == "60"


def test_parts_and_users_get_the_grace_period_of_the_cloud(place: CloudPaths) -> None:
    facts = replace(FACTS, grace="60")
    write_state(place, facts)
    assert read_state(place) == facts
    serve = load_settings(variables.serve_variables(USERS, place, facts)).settings
    users = load_settings(variables.user_variables(place, facts)).settings
    assert serve.reap.grace == users.reap.grace == timedelta(seconds=60)


@pytest.mark.parametrize("parent", ["/proc", "/dev/null"])
def test_a_folder_that_cannot_be_made_is_named(parent: str) -> None:
    with pytest.raises(ConfigError, match=f"{parent}/cloud"):
        CloudPaths(Path(parent) / "cloud").make_folders()


def test_nothing_waits_for_a_grace_period_and_users_may_choose_how_services_are_polled(
    place: CloudPaths,
) -> None:
    for make in (variables.serve_variables, variables.worker_variables):
        assert load_settings(make(USERS, place, FACTS)).settings.reap.grace.total_seconds() == 0
    assert variables.worker_variables({}, place, FACTS)["GROMIT_SOW_SETTLE_POLL"] == "0.2s"
    assert variables.worker_variables(USERS, place, FACTS)["GROMIT_SOW_SETTLE_POLL"] == "1s"


def test_a_shell_reads_the_exports_as_they_are(place: CloudPaths) -> None:
    environ = variables.user_variables(place, FACTS)
    script = variables.shell_exports(environ, {}) + "".join(
        f'printf "%s\\0" "${name}"\n' for name in environ
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True, env={})
    assert done.stdout.split("\0")[:-1] == list(environ.values())
    assert environ["GROMIT_TOKEN"] == "gromit_secret"
    assert environ["GROMIT_DNS"] == "127.0.0.1:1002"
    assert environ["GROMIT_CLIENT_CERT"] == str(place.pki / "operator.pem")


def test_a_shell_keeps_nothing_of_another_installation_and_what_is_not_one_stays(
    place: CloudPaths,
) -> None:
    environ = variables.user_variables(place, FACTS)
    before = {
        **USERS,
        "AWS_SESSION_TOKEN": "theirs",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://x",
        "AWS_ENDPOINT_URL": "https://y",
        "AWS_NO-NAME": "",
        "GROMIT_CATALOGUE": "/theirs.yaml",
        "GROMIT_REPOS": "theirs",
    }
    done = subprocess.run(
        ["sh", "-c", f"{variables.shell_exports(environ, before)}env -0"],
        env=before,
        capture_output=True,
        check=True,
        text=True,
    )
    after = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    assert {
        k: v for k, v in after.items() if k.startswith(("AWS_", "GROMIT_")) and k.isidentifier()
    } == {
        **environ,
        "GROMIT_SOW_SETTLE_POLL": "1s",
        "GROMIT_TERRAFORM_MIRROR": "/mirror",
    }
    assert (after["HOME"], after["TF_LOG"]) == ("/home/me", "trace")


def test_users_get_the_settings_of_the_parts(place: CloudPaths) -> None:
    facts = replace(FACTS, catalogue="/mine/catalogue.yaml", repositories="tyk,portal")
    users = load_settings(variables.user_variables(place, facts)).settings
    for make in (
        variables.serve_variables,
        variables.gateway_variables,
        variables.worker_variables,
    ):
        parts = load_settings(make(USERS, place, facts)).settings
        assert (users.catalogue, users.repos, users.reap.grace) == (
            parts.catalogue,
            parts.repos,
            parts.reap.grace,
        )
    assert (users.catalogue, users.repos) == (Path("/mine/catalogue.yaml"), ("tyk", "portal"))


def test_facts_that_were_written_before_clouds_kept_a_catalogue_are_of_the_shipped_one(
    place: CloudPaths,
) -> None:
    write_state(place, FACTS)
    tree = json.loads(place.facts.read_text())
    place.facts.write_text(
        json.dumps({k: v for k, v in tree.items() if k not in {"catalogue", "repositories"}})
    )
    assert require_state(place) == FACTS


def test_facts_are_kept(place: CloudPaths) -> None:
    assert read_state(place) is None
    with pytest.raises(NotFound, match="no local cloud"):
        require_state(place)
    facts = replace(FACTS, catalogue="/mine/catalogue.yaml", repositories="tyk,portal")
    write_state(place, facts)
    assert require_state(place) == facts


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"format": 1, "domain": "x"}'])
def test_facts_that_cannot_be_understood_are_a_clear_error(place: CloudPaths, text: str) -> None:
    place.facts.write_text(text)
    with pytest.raises(ConfigError, match="cannot read"):
        read_state(place)
