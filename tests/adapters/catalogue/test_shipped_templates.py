"""Config files of the shipped catalogue: their names, hosts, databases and paths."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.catalogue.file import load_catalogue
from gromit.adapters.config_tree.root import ConfigTree, init_root
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.config_templates import internal_names, render_files, sample_variables
from gromit.core.stack.hooks import HookKind

ENV, DOMAIN = "app-test", "dev.example.test"
MONGO_HOST = "mongo.dev.example.test"
MONGO = f"{MONGO_HOST}:27017"
WHOLE = load_catalogue()
SELECTIONS = [
    WHOLE.select(chosen)
    for count in range(len(WHOLE.repositories) + 1)
    for chosen in combinations(sorted(WHOLE.repositories), count)
]
HOST_KEYS = re.compile(r"(^|_)(host|hostname)$", re.IGNORECASE)
URL = re.compile(r"[a-z]+://([^/:]+)")


def _configs(catalogue: Catalogue) -> Mapping[str, Any]:
    """Return the parsed config files of one environment, by `component/file`."""
    sample = sample_variables(catalogue)
    variables = replace(
        sample,
        env=ENV,
        domain=DOMAIN,
        peers=internal_names(catalogue, ENV),
        platform=replace(sample.platform, mongo=MONGO),
    )
    return {
        f"{component}/{file}": json.loads(text)
        for component, files in render_files(catalogue, variables).items()
        for file, text in files.items()
    }


def _hosts(value: object, key: str = "") -> Iterator[str]:
    """Yield each host name in a config: of URLs, of keys for hosts, and keys of `Hosts`."""
    if isinstance(value, dict):
        if key == "Hosts":
            yield from value
        for name, inner in value.items():
            yield from _hosts(inner, name)
    elif isinstance(value, str):
        if found := URL.match(value):
            yield found[1]
        elif HOST_KEYS.search(key):
            yield value.split(":")[0]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def test_every_host_is_a_peer_or_a_name_of_the_platform_for_every_selection() -> None:
    for catalogue in SELECTIONS:
        peers = internal_names(catalogue, ENV)
        known = {
            *peers.values(),
            *(f"{name}.{ENV}.{DOMAIN}" for name in peers if catalogue.components[name].public),
            MONGO_HOST,
        }
        for file, config in _configs(catalogue).items():
            assert set(_hosts(config)) <= known, file


def test_the_search_for_hosts_finds_those_of_all_programs() -> None:
    found = {file: set(_hosts(config)) for file, config in _configs(WHOLE).items()}
    redis, mongo = f"redis.{ENV}.internal", MONGO_HOST
    tyk, dashboard = f"tyk.{ENV}.internal", f"tyk-analytics.{ENV}.internal"
    broker = f"tyk-identity-broker.{ENV}.internal"
    public = {f"tyk.{ENV}.{DOMAIN}", f"tyk-analytics.{ENV}.{DOMAIN}"}
    assert found == {
        "tyk/tyk.conf": {redis, dashboard},
        "tyk/policies.json": set(),
        "tyk-analytics/tyk-analytics.conf": {redis, mongo, tyk, broker, *public},
        "tyk-pump/tyk-pump.conf": {redis, mongo},
        "tyk-sink/tyk_sink.conf": {redis, mongo},
        "tyk-identity-broker/tib.conf": {redis, tyk, dashboard},
        "tyk-identity-broker/profiles.json": set(),
    }


def test_files_have_the_names_of_gromit_v1_so_that_edited_ones_stay_in_use() -> None:
    kept = {
        "tyk": "tyk.conf",
        "tyk-analytics": "tyk-analytics.conf",
        "tyk-pump": "tyk-pump.conf",
    }
    for name, file in kept.items():
        component = WHOLE.components[name]
        assert file in component.templates
        assert component.command == (f"--conf=/conf/{file}",)
        assert component.config_path == "/conf"


def test_all_programs_use_the_database_of_gromit_v1_and_the_hook_drops_it() -> None:
    urls = {
        text
        for config in _configs(WHOLE).values()
        for text in _texts(config)
        if text.startswith("mongodb:")
    }
    assert urls == {f"mongodb://{MONGO}/tyk_analytics-{ENV}"}
    hooks = WHOLE.hooks(HookKind.ON_REAP)
    assert set(hooks) == {"tyk-analytics", "tyk-pump", "tyk-sink"}
    for hook in hooks.values():
        assert '"mongodb://$GROMIT_MONGO/tyk_analytics-$GROMIT_ENVIRONMENT"' in hook.command[-1]


@pytest.mark.parametrize(
    ("mongo", "dropped"),
    [
        (MONGO, f"--quiet mongodb://{MONGO}/tyk_analytics-{ENV} --eval db.dropDatabase()\n"),
        ("", ""),
    ],
)
def test_the_hook_calls_mongo_with_that_database_and_succeeds_without_a_server(
    tmp_path: Path, mongo: str, dropped: str
) -> None:
    program = tmp_path / "mongosh"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    hook = WHOLE.hooks(HookKind.ON_REAP)["tyk-analytics"]
    path = f"{tmp_path}:{os.environ['PATH']}"
    environ = {"PATH": path, "GROMIT_ENVIRONMENT": ENV, "GROMIT_MONGO": mongo}
    done = subprocess.run(
        hook.command, env=environ, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, dropped, "")


@pytest.mark.parametrize("chosen", [["tyk"], ["tyk", "tyk-pump"]])
def test_a_gateway_without_a_dashboard_reads_apis_and_policies_of_its_own_folder(
    chosen: list[str],
) -> None:
    config = _configs(WHOLE.select(chosen))["tyk/tyk.conf"]
    assert not config["use_db_app_configs"]
    assert config["app_path"] == "/conf/apps", "the image has keyless samples in its own folder"
    assert config["policies"] == {"policy_record_name": "/conf/policies.json"}


def test_no_config_has_a_key_that_its_program_does_not_know_or_has_retired() -> None:
    configs = _configs(WHOLE)
    assert "log_level" not in configs["tyk-analytics/tyk-analytics.conf"]
    assert WHOLE.components["tyk-analytics"].environment == {"TYK_LOGLEVEL": "info"}
    assert "healthcheck_port" not in configs["tyk-sink/tyk_sink.conf"]


def test_every_edited_byte_of_gromit_v1_stays_in_a_file_that_a_component_reads(
    tmp_path: Path,
) -> None:
    edited = {
        f"{component}/{component}.conf": f'{{"edited": "{component}", "env": "{ENV}"}}\n'
        for component in ("tyk", "tyk-analytics", "tyk-pump")
    }
    for path, text in edited.items():
        (tmp_path / ENV / path).parent.mkdir(parents=True)
        (tmp_path / ENV / path).write_text(text)
    init_root(tmp_path)
    variables = replace(sample_variables(WHOLE), env=ENV, peers=internal_names(WHOLE, ENV))
    ConfigTree(tmp_path).render(ENV, render_files(WHOLE, variables))
    for path, text in edited.items():
        component, file = path.split("/")
        assert (tmp_path / ENV / path).read_text() == text
        assert WHOLE.components[component].command == (f"--conf=/conf/{file}",)
    assert not list(tmp_path.glob(f"{ENV}/tyk-analytics/*.conf"))[1:], "one file, and no other one"
