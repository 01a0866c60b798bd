"""Names and URLs of components."""

from gromit.core.stack.addresses import internal_name, public_name, urls
from gromit.core.stack.catalogue import Catalogue, Component

CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "tyk-analytics": Component(
            name="tyk-analytics", repository="tyk-analytics", port=3000, public=True
        ),
        "tyk-pump": Component(name="tyk-pump", repository="tyk-pump"),
        "redis": Component(name="redis", image="redis:7", port=6379),
    }
)


def test_a_component_has_a_public_and_an_internal_name() -> None:
    assert public_name("tyk", "app-test", "dev.example.com") == "tyk.app-test.dev.example.com"
    assert internal_name("redis", "app-test") == "redis.app-test.internal"


def test_only_public_components_have_a_url() -> None:
    assert urls(CATALOGUE, "app-test", "dev.example.com") == {
        "tyk": "http://tyk.app-test.dev.example.com:8181",
        "tyk-analytics": "http://tyk-analytics.app-test.dev.example.com:3000",
    }


def test_without_a_domain_there_are_no_urls() -> None:
    assert urls(CATALOGUE, "app-test", None) == {}
