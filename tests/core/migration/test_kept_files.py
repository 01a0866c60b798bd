"""Config files of gromit v1 that stay in use although they name an unknown host."""

import pytest

from gromit.adapters.catalogue.file import load_catalogue
from gromit.core.environments.history import ChangeContext
from gromit.core.migration.kept_files import DoubtfulFile, find_doubtful_files
from gromit.core.migration.orphans import ConfigTexts
from gromit.core.migration.rows import MigrationDefaults, MigrationFacts, RowMigration, plan_row

SHIPPED = load_catalogue()
DOMAIN = "dev.example.org"
FILE = "tyk-analytics/tyk-analytics.conf"


def _migration(name: str, state: str = "processed") -> RowMigration:
    terms = MigrationDefaults(SHIPPED, ChangeContext("migrate:alice@bastion", 1), 3_600_000, "i-1")
    step = plan_row({"name": name, "state": state}, MigrationFacts(protected=False), terms)
    assert isinstance(step, RowMigration)
    return step


def _tree(text: str, *names: str) -> ConfigTexts:
    return {
        name: {"tyk-analytics": {"tyk-analytics.conf": text.replace("ENV", name)}} for name in names
    }


def _found(tree: ConfigTexts, domain: str | None = DOMAIN) -> tuple[DoubtfulFile, ...]:
    return find_doubtful_files([_migration(name) for name in tree], tree, SHIPPED, domain)


@pytest.mark.parametrize(
    "text",
    [
        '{"tyk_api_config": {"Host": "http://tyk.ENV.internal", "Port": "8181"}}',
        '{"mongo_url": "mongodb://mongo.dev.example.org:27017/tyk_analytics-ENV"}',
        '{"redis_host": "redis.ENV.internal", "redis_port": 6379}',
        '{"mongo_url": "mongodb://mongo.elsewhere.example.com:27017/x"}',
        "not JSON",
    ],
)
def test_names_of_peers_and_of_the_platform_are_right_and_those_of_others_unknown(
    text: str,
) -> None:
    assert _found(_tree(text, "app")) == ()


def test_a_name_that_no_component_has_is_found_once_for_all_environments() -> None:
    text = '{"tyk_api_config": {"Host": "http://gateway.ENV.internal", "Port": "8181"}}'
    (found,) = _found(_tree(text, "app", "app-2"))
    assert found.file == FILE
    assert "its tyk_api_config.Host: no component of the environment has the name" in found.why
    assert "gateway.<environment>.internal (in app, app-2)" in found.why
    assert found.why.endswith("correct it, or delete the file to get the one of the template")


def test_the_name_of_another_environment_and_a_wrong_port_are_found() -> None:
    other = '{"redis_host": "redis.other.internal"}'
    port = '{"tyk_api_config": {"Host": "http://tyk.ENV.internal:8080"}}'
    assert "redis.other.internal" in _found(_tree(other, "app"))[0].why
    assert "listens on 8181, not on 8080" in _found(_tree(port, "app"))[0].why


def test_files_that_nothing_reads_and_environments_that_go_are_left_out() -> None:
    text = '{"a": "http://gateway.app.internal"}'
    unread: ConfigTexts = {"app": {"tyk-analytics": {"old.conf": text}, "portal": {"x.conf": text}}}
    assert _found(unread) == ()
    gone = find_doubtful_files([_migration("app", "deleted")], _tree(text, "app"), SHIPPED, DOMAIN)
    assert gone == ()


def test_without_a_domain_only_internal_names_are_judged() -> None:
    text = '{"a": "http://gateway.ENV.internal", "b": "http://tyk.ENV.dev.example.org"}'
    assert len(_found(_tree(text, "app"), None)) == 1


def test_a_password_in_a_file_is_not_repeated() -> None:
    (found,) = _found(_tree('{"a": "mongodb://me:hunter2@mongo.ENV.internal/x"}', "app"))
    assert "hunter2" not in str(found)
    assert "mongo.<environment>.internal" in found.why
