"""Hosts in config files, variables and commands."""

import pytest

from gromit.core.stack.checks.hosts import (
    find_hosts,
    find_hosts_in_command,
    find_hosts_in_text,
    find_hosts_in_variable,
    find_internal_names,
)
from gromit.core.stack.checks.keys import parse_keys

KEYS = parse_keys(
    ".\tobject\n"
    "redis_host\thost\tA_DB_REDISHOST\n"
    "redis_port\tint\n"
    "addrs\thosts\tA_DB_ADDRS\n"
    "hosts\thostmap\n"
    "url\ttext\n"
    "note\ttext\n"
    "api\tobject\n"
    "api.Host\thost\n"
    "api.Port\ttext"
)

Found = list[tuple[str, str, int | None]]


def _found(document: object) -> Found:
    return [(use.subject, use.host, use.port) for use in find_hosts(KEYS, document)]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"redis_host": "redis.a.internal"}, [("redis_host", "redis.a.internal", None)]),
        ({"redis_host": "r", "redis_port": 6379}, [("redis_host", "r", 6379)]),
        ({"redis_host": "r:1", "redis_port": 6379}, [("redis_host", "r", 1)]),
        ({"Redis_Host": "R.", "REDIS_PORT": "7"}, [("Redis_Host", "r", 7)]),
        ({"api": {"Host": "http://g", "Port": "8181"}}, [("api.Host", "g", 8181)]),
        ({"api": {"Host": "http://g"}}, [("api.Host", "g", 80)]),
        ({"addrs": ["a:1", "b"]}, [("addrs", "a", 1), ("addrs", "b", None)]),
        ({"addrs": ["redis://a:1"]}, [("addrs[0]", "a", 1)]),
        ({"hosts": {"a": "1", "b": 2}}, [("hosts", "a", 1), ("hosts", "b", 2)]),
        ({"url": "https://u:p@h/path"}, [("url", "h", 443)]),
        ({"url": "mongodb://a:1,b/db"}, [("url", "a", 1), ("url", "b", 27017)]),
        ({"url": "amqp://h"}, [("url", "h", None)]),
        ({"url": "mongodb:///db"}, [("url", "", None)]),
        ({"url": "http://:80/"}, [("url", "", None)]),
        ({"redis_host": "[::1]:5"}, [("redis_host", "::1", 5)]),
        ({"note": "redis.a.internal:5"}, [("note", "redis.a.internal", 5)]),
        ({"unknown": {"deep": [{"x": "http://h:1"}]}}, [("unknown.deep[0].x", "h", 1)]),
    ],
)
def test_a_host_is_found_with_its_port(document: object, found: Found) -> None:
    assert _found(document) == found


@pytest.mark.parametrize(
    "document",
    [
        {"note": "redis"},
        {"note": "see redis.a.internal there"},
        {"redis_host": ""},
        {"redis_host": "not a host"},
        {"url": "/opt/tyk"},
        {"url": "mongodb://$HOST/db"},
        {"url": "file:///opt/tyk"},
        {"redis_host": 5, "addrs": "a", "hosts": [1]},
        [1],
        None,
    ],
)
def test_other_values_are_no_hosts(document: object) -> None:
    assert _found(document) == []


def test_a_document_of_an_unknown_program_has_the_hosts_of_its_urls() -> None:
    document = {"host": "redis", "a": "http://x:1/", "b": "y.app.internal"}
    found = [(use.host, use.port) for use in find_hosts(None, document)]
    assert found == [("x", 1), ("y.app.internal", None)]


def test_a_variable_has_the_hosts_of_its_key() -> None:
    def hosts(name: str, text: str) -> list[str]:
        key = KEYS.variables.get(name)
        return [use.host for use in find_hosts_in_variable(name, text, key)]

    assert hosts("A_DB_REDISHOST", "redis") == ["redis"]
    assert hosts("A_DB_ADDRS", "a:1, b:2") == ["a", "b"]
    assert hosts("OTHER", "redis") == []
    assert hosts("OTHER", "http://h/x") == ["h"]


def test_a_command_has_the_hosts_of_its_urls() -> None:
    text = "curl 'http://a:1/x'; mongosh \"mongodb://b/db\" && wget https://$C/"
    assert [(use.host, use.port) for use in find_hosts_in_text("command", text)] == [
        ("a", 1),
        ("b", 27017),
    ]


def test_a_command_has_internal_names_outside_of_urls() -> None:
    command = ("--redis=redis.a.internal:1", "--url=http://b.a.internal:2/", "$X.c.internal", "x")
    assert [(use.host, use.port) for use in find_hosts_in_command("command", command)] == [
        ("b.a.internal", 2),
        ("redis.a.internal", 1),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bind redis.a.internal 6379", [("redis.a.internal", None)]),
        ("upstream { server tyk.a.internal:8181; }", [("tyk.a.internal", 8181)]),
        ("to=redis.a.internal.", [("redis.a.internal", None)]),
        ("an internal thing, not.internal-only, internal.example.org", []),
    ],
)
def test_a_text_of_any_form_has_internal_names(
    text: str, found: list[tuple[str, int | None]]
) -> None:
    assert [(use.host, use.port) for use in find_internal_names("nginx.conf", text)] == found
