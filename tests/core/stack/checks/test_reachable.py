"""Hosts that an environment has, and those that it does not have."""

import pytest

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.hosts import HostUse
from gromit.core.stack.checks.reachable import judge_host, known_hosts
from gromit.core.stack.config_templates import sample_variables

TYK = Component(name="tyk", repository="tyk", port=8181, public=True)
CATALOGUE = Catalogue(
    {
        c.name: c
        for c in (
            TYK,
            Component(name="redis", image="redis:7", port=6379),
            Component(name="pump", image="pump:1"),
        )
    }
)
KNOWN = known_hosts(CATALOGUE, sample_variables(CATALOGUE))


def _judge(host: str, port: int | None = None) -> CatalogueFault | None:
    return judge_host(TYK, HostUse(subject="a.conf: storage.host", host=host, port=port), KNOWN)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("redis.sample.internal", 6379),
        ("redis.sample.internal", None),
        ("pump.sample.internal", None),
        ("tyk.sample.dev.example.com", 8181),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", 443),
        ("mongo.dev.example.com", 27017),
        ("serve.internal", 8443),
        ("0.0.0.0", 8181),
        ("::", None),
        ("localhost", 8181),
        ("127.0.0.1", 8181),
    ],
)
def test_a_peer_and_a_host_of_the_platform_are_reached(host: str, port: int | None) -> None:
    assert _judge(host, port) is None


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("", None, "is a URL without a host"),
        ("mongo.internal", 27017, "no component of the environment has the name mongo.internal"),
        ("redis.other.internal", None, "no component of the environment has the name"),
        ("redis.sample.dev.example.com", 6379, "no component of the environment has the name"),
        ("redis", 6379, "redis is not a full name, and no environment resolves it"),
        ("redis.sample.internal", 6380, "component redis listens on 6379, not on 6380"),
        (
            "pump.sample.internal",
            80,
            "component pump has no port in the catalogue, so 80 is closed",
        ),
        ("mongo.dev.example.com", 27018, "mongo.dev.example.com listens on 27017, not on 27018"),
        ("localhost", 6379, "localhost is its own container, and no peer"),
        ("127.0.0.2", 6379, "127.0.0.2 is its own container, and no peer"),
    ],
)
def test_what_cannot_answer_is_a_mistake(host: str, port: int | None, reason: str) -> None:
    fault = _judge(host, port)
    assert fault is not None
    assert (fault.component, fault.kind, fault.certain) == ("tyk", FaultKind.HOST, True)
    assert fault.reason.startswith(reason)


@pytest.mark.parametrize(
    "host",
    [
        "ip-10-0-0-1.eu-central-1.compute.internal",
        "redis.example.org",
        "10.0.0.7",
        "localhost",
        "serve.example.com",
    ],
)
def test_what_may_answer_is_a_warning(host: str) -> None:
    fault = _judge(host)
    assert fault is not None
    assert not fault.certain


def test_the_remedy_names_the_peer_that_is_meant() -> None:
    fault = _judge("rediss.sample.internal")
    assert fault is not None
    assert fault.remedy == (
        "did you mean redis.sample.internal, in a template {{ peers['redis'] }}?"
    )
