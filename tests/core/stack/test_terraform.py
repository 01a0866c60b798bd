"""Arguments, environment and inputs of terraform."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.stack.contract import ComponentInput, Platform, StackInput
from gromit.core.stack.terraform import (
    LOCK_VARIABLE,
    Backend,
    TerraformCall,
    ToolVersion,
    apply_arguments,
    backend_file,
    child_environment,
    cli_config,
    destroy_arguments,
    init_arguments,
    inputs_json,
    parse_tool_version,
    secret_values,
)
from gromit.errors import ConfigError

BACKEND = Backend(bucket="states", region="eu-central-1")
CALL = TerraformCall(
    cli_config="/run/terraform.rc", data_dir="/run/data", workspace="app-test", lock_id="lock-1"
)

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
terraforms = st.builds(
    "".join,
    st.tuples(st.sampled_from(["TF_", "TF_VAR_", "TF_CLI_ARGS_", "TF_LOG_", "TF_TOKEN_"]), names),
)


def platform(**changes: str) -> Platform:
    plain: dict[str, Any] = {
        "vpc_id": "vpc-1",
        "vpc_cidr": "10.91.0.0/16",
        "namespace_id": "ns-1",
        "file_system_id": "fs-1",
        "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
        "registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "region": "eu-central-1",
    }
    return Platform(
        public_subnets=("subnet-1",), private_subnets=("subnet-2", "subnet-3"), **(plain | changes)
    )


@pytest.mark.parametrize(
    ("text", "product", "new_enough"),
    [
        ("Terraform v1.11.0\non linux_amd64\n", "terraform", True),
        ("Terraform v1.15.5", "terraform", True),
        ("Terraform v2.0.0-beta1", "terraform", True),
        ("Terraform v1.10.9\n\nYour version of Terraform is out of date!", "terraform", False),
        ("Terraform v0.12.31", "terraform", False),
        ("OpenTofu v1.10.0\non linux_amd64", "opentofu", True),
        ("OpenTofu v1.9.1", "opentofu", False),
        (
            "There are some problems with the CLI configuration:\n\nTerraform v1.11.4",
            "terraform",
            True,
        ),
    ],
)
def test_a_program_says_what_it_is_and_how_old(
    text: str, product: str, *, new_enough: bool
) -> None:
    version = parse_tool_version(text)
    assert version is not None
    assert (version.product, version.is_new_enough) == (product, new_enough)


@pytest.mark.parametrize(
    "text",
    ["", "terraform 1.11.0", "GNU Terraform v1.11.0", "Terraform v1.11", "bash: tofu: not found"],
)
def test_anything_else_is_no_version(text: str) -> None:
    assert parse_tool_version(text) is None


def test_a_version_reads_like_one() -> None:
    assert str(ToolVersion("opentofu", (1, 9, 1))) == "opentofu 1.9.1"


def test_init_leaves_the_lock_to_its_holder() -> None:
    assert init_arguments(own_lock=False) == (
        "init",
        "-input=false",
        "-no-color",
        "-backend-config=../devenv.s3.tfbackend",
        "-backend-config=use_lockfile=false",
    )
    assert init_arguments(own_lock=True)[-1] == "-backend-config=use_lockfile=true"


def test_further_backend_settings_may_name_another_region() -> None:
    extra = Backend(
        bucket="states", region="eu-central-1", extra=("region=us-east-1", "use_path_style=true")
    )
    assert (
        backend_file(extra) == 'region = "us-east-1"\nuse_path_style = "true"\nbucket = "states"\n'
    )


def test_backend_settings_are_text_except_for_lists_and_maps() -> None:
    extra = (
        'secret_key=a"b\\c${d}%{e}=',
        'endpoints={ s3 = "http://127.0.0.1:1" }',
        'allowed_account_ids=["1", "2"]',
    )
    assert backend_file(Backend(bucket="states", region="eu-central-1", extra=extra)).splitlines()[
        1:4
    ] == [
        r'secret_key = "a\"b\\c$${d}%%{e}="',
        'endpoints = { s3 = "http://127.0.0.1:1" }',
        'allowed_account_ids = ["1", "2"]',
    ]


@pytest.mark.parametrize(
    "setting",
    [
        *(
            "bucket=other-value",
            "key=other-value",
            "workspace_key_prefix=other-value",
            "use_lockfile=other-value",
        ),
        *(
            "dynamodb_table=other-value",
            " key =other-value",
            "other-value",
            "a b=other-value",
            "=other-value",
        ),
    ],
)
def test_settings_cannot_move_the_states_and_no_value_is_quoted(setting: str) -> None:
    with pytest.raises(
        ConfigError, match=re.escape("setting 2 of terraform.backend has")
    ) as refused:
        Backend(bucket="states", region="eu-central-1", extra=("profile=x", setting))
    assert "other-value" not in str(refused.value)


@pytest.mark.parametrize("arguments", [apply_arguments(), destroy_arguments()])
def test_under_our_lock_terraform_neither_asks_nor_locks(arguments: tuple[str, ...]) -> None:
    assert {"-input=false", "-auto-approve", "-lock=false", "-json"} <= set(arguments)


@given(st.dictionaries(st.one_of(names, terraforms), st.text(max_size=5), max_size=20))
def test_no_variable_of_terraform_comes_through_from_outside(outside: dict[str, str]) -> None:
    inside = child_environment(
        {**outside, "TF_LOG": "TRACE", "TF_WORKSPACE": "other", LOCK_VARIABLE: "other"}, CALL
    )
    assert {
        name: value
        for name, value in inside.items()
        if name.startswith("TF_") or name == LOCK_VARIABLE
    } == {
        "TF_CLI_CONFIG_FILE": "/run/terraform.rc",
        "TF_DATA_DIR": "/run/data",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_WORKSPACE": "app-test",
        LOCK_VARIABLE: "lock-1",
    }


def test_only_what_aws_tls_proxies_and_memory_need_comes_through() -> None:
    passed = {
        "AWS_REGION": "eu-central-1",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/creds",
        "PATH": "/bin",
        "HOME": "/root",
        "SSL_CERT_FILE": "/ca.pem",
        "HTTPS_PROXY": "http://proxy",
        "no_proxy": "localhost",
        "GOGC": "50",
        "GOMEMLIMIT": "512MiB",
    }
    kept_out = {
        "GROMIT_SERVE_KEY": "secret",
        "LD_PRELOAD": "/evil.so",
        "XAWS_REGION": "no",
        "PYTHONPATH": "/evil",
        "GODEBUG": "http2debug=2",
    }
    inside = child_environment({**passed, **kept_out}, CALL)
    assert passed.items() <= inside.items()
    assert not kept_out.keys() & inside.keys()
    assert inside["CHECKPOINT_DISABLE"] == "1"


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ({}, {"GOGC": "300", "GOMEMLIMIT": "300MiB"}),
        ({"GOGC": "50"}, {"GOGC": "50"}),
        ({"GOMEMLIMIT": "1GiB"}, {"GOMEMLIMIT": "1GiB"}),
    ],
    ids=["none", "GOGC", "GOMEMLIMIT"],
)
def test_a_worker_without_settings_of_go_gives_terraform_some(
    outside: dict[str, str], inside: dict[str, str]
) -> None:
    for call, expected in ((CALL, inside), (replace(CALL, by_hand=True), outside)):
        found = child_environment(outside, call)
        assert {name: found[name] for name in found if name.startswith("GO")} == expected


def test_a_person_is_asked_and_works_under_no_lock_of_ours() -> None:
    by_hand = TerraformCall(
        cli_config="/run/terraform.rc", data_dir="/run/data", workspace="app-test", by_hand=True
    )
    inside = child_environment({}, by_hand)
    assert "TF_INPUT" not in inside
    assert "TF_IN_AUTOMATION" not in inside
    assert LOCK_VARIABLE not in inside


def test_secrets_of_the_environment_are_known_longest_first() -> None:
    environment = {
        "AWS_SECRET_ACCESS_KEY": "abcdefgh",
        "AWS_SESSION_TOKEN": "abcdefgh-and-more",
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_SHORT": "x",
    }
    backend = Backend(
        bucket="states",
        region="eu-central-1",
        extra=("secret_key=of-the-backend", "token=short", "profile=longish-one"),
    )
    assert secret_values(environment, backend) == (
        "abcdefgh-and-more",
        "of-the-backend",
        "abcdefgh",
    )


def test_providers_come_from_the_mirror_alone() -> None:
    text = cli_config('/opt/my "mirror"')
    assert 'path = "/opt/my \\"mirror\\""' in text
    assert "direct" not in text
    assert "plugin_cache_dir" not in text


def test_without_a_mirror_providers_come_from_the_registry_and_nowhere_else() -> None:
    assert cli_config(None).split() == ["provider_installation", "{", "direct", "{}", "}"]


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True),
        st.builds(
            ComponentInput,
            image=st.text(),
            port=st.none() | st.integers(1, 65535),
            public=st.booleans(),
            command=st.lists(st.text(), max_size=3).map(tuple),
            config_path=st.none() | st.text(),
            environment=st.dictionaries(st.text(), st.text(), max_size=3),
            secrets=st.dictionaries(st.text(), st.text(), max_size=3),
            cpu=st.integers(),
            memory=st.integers(),
            labels=st.dictionaries(st.text(), st.text(), max_size=3),
        ),
        max_size=3,
    )
)
def test_inputs_are_values_whatever_is_in_them(components: dict[str, ComponentInput]) -> None:
    inputs = json.loads(
        inputs_json(StackInput(name="app-test", platform=platform(), components=components))
    )
    assert inputs.keys() == {"name", "platform", "components", "parked"}
    assert inputs["platform"]["private_subnets"] == ["subnet-2", "subnet-3"]
    for name, given_component in components.items():
        written = inputs["components"][name]
        assert written["image"] == given_component.image
        assert written["command"] == list(given_component.command)
        assert written["environment"] == dict(given_component.environment)
        assert written["secrets"] == dict(given_component.secrets)
        assert written["labels"] == dict(given_component.labels)
        assert written["port"] == given_component.port
