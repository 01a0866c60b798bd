"""Settings: three sources, one frozen object, errors that name the setting and its origin."""

import json
import re
from datetime import timedelta
from functools import reduce
from pathlib import Path

import pytest

from gromit.config.load import load_settings, load_usable_settings
from gromit.config.values import SecretText
from gromit.core.time import format_duration, parse_duration
from gromit.errors import ConfigError

NOWHERE = {"HOME": "/nonexistent"}


def test_a_flag_beats_a_variable_and_a_variable_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "tablename: of-file\nreap: {grace: 2h, limit: 3}\nserve:\n  url: https://of-file\n"
    )
    environ = {
        **NOWHERE,
        "GROMIT_TABLENAME": "of-variable",
        "GROMIT_SERVE_URL": "https://of-variable",
    }
    loaded = load_settings(environ, conf=file, flags={"tablename": "of-flag"})
    assert (loaded.settings.tablename, loaded.settings.serve.url) == (
        "of-flag",
        "https://of-variable",
    )
    assert (loaded.settings.reap.grace, loaded.settings.reap.limit) == (timedelta(hours=2), 3)
    assert loaded.origins == {
        "tablename": "flag",
        "serve.url": "GROMIT_SERVE_URL",
        "reap.grace": str(file),
        "reap.limit": str(file),
    }


def test_the_file_is_looked_for_where_the_earlier_system_had_it(tmp_path: Path) -> None:
    (tmp_path / "gromit").mkdir()
    (tmp_path / "gromit/config.yaml").write_text("cluster: {zoneid: Z1, domain: dev.example.com}\n")
    loaded = load_settings({**NOWHERE, "XDG_CONFIG_HOME": str(tmp_path)})
    assert (loaded.settings.cluster.zoneid, loaded.settings.cluster.domain) == (
        "Z1",
        "dev.example.com",
    )


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("GROMIT_REAP_LIMIT", "many", "reap.limit from GROMIT_REAP_LIMIT"),
        ("GROMIT_REAP_GRACE", "soon", "reap.grace from GROMIT_REAP_GRACE"),
        ("GROMIT_SERVE_LISTEN", "nowhere", "serve.listen from GROMIT_SERVE_LISTEN"),
        ("GROMIT_SERVE_TLS_MIN", "1.0", "serve.tls_min from GROMIT_SERVE_TLS_MIN"),
        ("GROMIT_LIFETIME_IDLE", "-1d", "lifetime.idle from GROMIT_LIFETIME_IDLE"),
        ("GROMIT_LIFETIME_RULES", "demo-*", "'demo-*' is not NAME=DURATION"),
        ("GROMIT_LIFETIME_RULES", "a=1d,Demo=3d", "'Demo=3d' is not NAME=DURATION"),
        ("GROMIT_LIFETIME_RULES", "a@=1d", "'a@=1d' is not NAME=DURATION"),
        ("GROMIT_LIFETIME_RULES", "a=1x", "'a=1x' is not NAME=DURATION"),
        ("GROMIT_LEASE_RENEW", "80s", "more than a third of ttl"),
        (
            "GROMIT_REPOS",
            "tyk,Tyk Pump",
            "repos from GROMIT_REPOS: repo 'Tyk Pump' is not a repository name",
        ),
        ("GROMIT_REPOS", "tyk,%0A", "repos from GROMIT_REPOS: repo '%0A' is not a repository name"),
        (
            "GROMIT_REPOS",
            "tyk,TykTechnologies/state",
            "repos from GROMIT_REPOS: no repository can be called 'state'",
        ),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(
    variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_settings({**NOWHERE, variable: value})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("reap: {limit: ' 1_000 '}", 1000),
        ("reap: {limit: '+7.0'}", 7),
        ("reap: {limit: 7.0}", 7),
        ("reap: {grace: 90}", timedelta(seconds=90)),
        ("reap: {grace: 1.5h}", timedelta(minutes=90)),
        ("reap: {grace: 0}", timedelta(0)),
        ("gateway: {plain: 'On'}", True),
        ("gateway: {plain: no}", False),
        ("gateway: {plain: 1}", True),
        ("serve: {tls_min: '1.2'}", "1.2"),
        ("serve: {key: canary}", SecretText("canary")),
        ("serve: {proxies: '10.0.0.0/8, ::/0'}", ("10.0.0.0/8", "::/0")),
        ("environments: {protected: [a, b]}", ("a", "b")),
        ("environments: {protected: []}", ()),
        ("doctor: {account: '123456789012'}", "123456789012"),
        ("doctor: {roles: a=b}", ("a=b",)),
        ("sow: {parallel: 3}", 3),
        ("pki: {dir: /pki}", Path("/pki")),
        ("log: {level: trace}", "trace"),
    ],
)
def test_a_value_is_read_as_the_type_of_its_setting(
    tmp_path: Path, text: str, value: object
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    loaded = load_settings(NOWHERE, conf=file)
    (path,) = loaded.origins
    found = reduce(getattr, path.split("."), loaded.settings)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("reap: {limit: '1e3'}", "reap.limit", "a valid integer, unable to parse string"),
        (f"reap: {{limit: '{'9' * 5000}'}}", "reap.limit", "a valid integer, unable to parse"),
        ("reap: {limit: 1.5}", "reap.limit", "valid integer, got a number with a fractional part"),
        ("reap: {limit: .nan}", "reap.limit", "a valid integer"),
        ("reap: {limit: .inf}", "reap.limit", "a valid integer"),
        ("reap: {limit: [1]}", "reap.limit", "input should be a valid integer"),
        ("reap: {limit: 0}", "reap.limit", "input should be greater than 0"),
        ("environments: {per_token: -1}", "environments.per_token", "greater than or equal to 0"),
        ("dns: {delete_percent: 101}", "dns.delete_percent", "less than or equal to 100"),
        ("sow: {parallel: 0}", "sow.parallel", "input should be greater than 0"),
        ("reap: {grace: 1d 2h}", "reap.grace", "input should be a duration like 90s"),
        ("reap: {grace: -1}", "reap.grace", "input should be a duration like 90s"),
        ("reap: {grace: 1e300}", "reap.grace", "input should be a duration like 90s"),
        ("reap: {grace: [1]}", "reap.grace", "input should be a duration like 90s"),
        ("sow: {retry: 0s}", "sow.retry", "input should be greater than 0s"),
        ("gateway: {plain: 2}", "gateway.plain", "input should be a valid boolean"),
        ("gateway: {plain: [1]}", "gateway.plain", "input should be a valid boolean"),
        ("registryid: 123", "registryid", "input should be a valid string"),
        ("serve: {key: 3}", "serve.key", "input should be a valid string"),
        ("root: 3", "root", "input is not a valid path"),
        ("serve: {tls_min: 1.2}", "serve.tls_min", "input should be '1.2' or '1.3'"),
        ("log: {level: [x]}", "log.level", "'trace', 'debug', 'info', 'warn' or 'error'"),
        ("serve: {listen: 'a:80\n'}", "serve.listen", r"should match pattern '^.+:\d{1,5}$'"),
        ("doctor: {account: '12'}", "doctor.account", r"should match pattern '^\d{12}$'"),
        ("doctor: {roles: 'a=b,x'}", "doctor.roles.1", "should match pattern '^[a-z]+=.+$'"),
        ("repos: 3", "repos", "input should be a valid tuple"),
        ("repos: [a, 1]", "repos.1", "input should be a valid string"),
        ("lifetime: {rules: [3]}", "lifetime.rules.0", "input should be a valid string"),
        ("serve: {proxies: 10.0.0.1/8}", "serve.proxies", "10.0.0.1/8 has host bits set: write"),
        ("serve: text", "serve", "a valid dictionary or instance of ServeSettings"),
        ("gateway: {oidc: text}", "gateway.oidc", "a valid dictionary or instance of OidcSettings"),
        ("gateway: {oidc: {audience: x}}", "gateway.oidc", "owners is empty"),
        ("typo: 1\nserve: {self: 1}", "serve.self", "extra inputs are not permitted"),
        ("self: 1", "self", "extra inputs are not permitted"),
    ],
)
def test_the_error_of_a_value_names_its_place_and_what_is_expected(
    tmp_path: Path, text: str, path: str, reason: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"^{path} from {file}: .*{re.escape(reason)}"):
        load_settings(NOWHERE, conf=file)


def test_settings_cannot_be_changed_and_a_copy_can_have_other_values() -> None:
    settings = load_settings(NOWHERE).settings
    with pytest.raises(AttributeError, match="cannot assign to setting 'tablename'"):
        settings.tablename = "other"  # type: ignore[misc]
    copy = settings.copy_with(tablename="other", reap=settings.reap.copy_with(limit=1))
    assert (copy.tablename, copy.reap.limit) == ("other", 1)
    assert (settings.tablename, settings.reap.limit) == ("DeveloperEnvironments", 10)
    assert copy != settings
    same = load_settings(NOWHERE).settings
    assert (same, hash(same)) == (settings, hash(settings))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("TykTechnologies/tyk,tyk-pump", ("tyk", "tyk-pump")),
        ("TykTechnologies%2Ftyk, tyk,", ("tyk",)),
        (" , ", None),
        ("", None),
    ],
)
def test_repositories_are_named_as_in_builds_and_a_blank_list_is_none(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    assert load_settings({**NOWHERE, "GROMIT_REPOS": text}).settings.repos == names
    file = tmp_path / "config.yaml"
    file.write_text(f"repos: {json.dumps(text.split(','))}\n")
    assert load_settings(NOWHERE, conf=file).settings.repos == names


def test_rules_of_lifetimes_keep_their_order() -> None:
    text = "demo-*=0, load-*@tyk-ui=1d12h,*@tyk=30d"
    policy = load_settings({**NOWHERE, "GROMIT_LIFETIME_RULES": text}).settings.lifetime.policy
    assert [(r.name, r.repository, r.idle_ms) for r in policy.rules] == [
        ("demo-*", None, 0),
        ("load-*", "tyk-ui", 36 * 3_600_000),
        ("*", "tyk", 30 * 86_400_000),
    ]
    assert policy.idle_ms == 14 * 86_400_000


def test_a_key_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("serve: {urll: x}\n")
    with pytest.raises(ConfigError, match=rf"serve\.urll from {file}: "):
        load_settings(NOWHERE, conf=file)
    file.write_text("servee: {url: x}\n")
    with pytest.raises(ConfigError, match=f"servee from {file}: "):
        load_settings(NOWHERE, conf=file)


V1_FILE = """\
TableName: of-v1
repos: tyk,tyk-analytics,tyk-pump
registryid: "754489498669"
authtoken: canary-5b1f
licenser:
  dashboard-trial: {api: https://licenses.example.com, token: canary-5b1f}
cluster: {zoneid: Z1, Domain: dev.example.com}
serve: {cert: serve.pem, key: serve-key.pem}
client: {cert: client.pem, key: client-key.pem}
"""


def test_a_config_file_of_v1_is_taken_and_its_own_keys_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1_FILE)
    loaded = load_settings(NOWHERE, conf=file)
    settings = loaded.settings
    assert (settings.tablename, settings.cluster.domain) == ("of-v1", "dev.example.com")
    assert settings.repos == ("tyk", "tyk-analytics", "tyk-pump")
    assert (loaded.v1_keys, loaded.file) == (("authtoken", "licenser"), str(file))
    assert "5b1f" not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "faults", "kept"),
    [
        ("", [], True),
        (V1_FILE, [], True),
        ("serve: {urll: x}\ntypo: 1\n", ["serve.urll", "typo"], True),
        ("reap: {limit: many, grace: soon}\n", ["reap.grace", "reap.limit"], True),
        ("lease: {renew: 80s}\n", ["lease"], True),
        ("serve: text\n", ["serve"], False),
        ("serve: [1, 2]\n", ["serve"], False),
        ("repos: [tyk, Tyk Pump]\n", ["repos"], True),
        ("a: [\n", ["cannot read"], True),
        ("just text\n", ["is not a mapping"], True),
        ("1: x\n", ["1"], True),
    ],
)
def test_what_can_be_used_is_loaded_whatever_the_file_says(
    tmp_path: Path, text: str, faults: list[str], kept: bool
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    environ = {**NOWHERE, "GROMIT_SERVE_URL": "https://of-variable", "GROMIT_REAP_LIMIT": "4"}
    if "many" in text:
        del environ["GROMIT_REAP_LIMIT"]
    loaded, found = load_usable_settings(environ, conf=file)
    messages = sorted(fault.message for fault in found)
    assert len(messages) == len(faults)
    assert all(f in m for f, m in zip(faults, messages, strict=True)), messages
    assert (loaded.settings.serve.url == "https://of-variable") is kept
    assert loaded.settings.reap.limit == (10 if "many" in text else 4)


def test_a_wrong_variable_is_a_fault_beside_the_settings_and_a_wrong_flag_is_refused() -> None:
    environ = {**NOWHERE, "GROMIT_REAP_LIMIT": "many", "GROMIT_TABLENAME": "mine"}
    loaded, (fault,) = load_usable_settings(environ)
    assert (loaded.settings.tablename, loaded.settings.reap.limit) == ("mine", 10)
    assert fault.message.startswith("reap.limit from GROMIT_REAP_LIMIT: ")
    with pytest.raises(ConfigError, match=r"reap\.limit from flag"):
        load_usable_settings(environ, flags={"reap.limit": "few"})


def test_secrets_are_never_shown() -> None:
    loaded = load_settings({**NOWHERE, "GROMIT_SERVE_KEY": "canary-5b1f"})
    assert "5b1f" not in repr(loaded)
    assert "5b1f" not in str(loaded.settings.serve.key)


@pytest.mark.parametrize("length", ["45s", "37m", "1h30m", "2d", "0s", "1d1h1m1s"])
def test_lengths_of_time_are_written_as_they_are_read(length: str) -> None:
    found = parse_duration(length)
    assert isinstance(found, timedelta)
    assert format_duration(found) == length
