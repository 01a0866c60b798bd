"""A gateway with logins, for the tests of people."""

from collections.abc import Iterator

import pytest

from tests.fakes.provider import Provider
from tests.web.gateway.browsing import Browser, Door, opened
from tests.web.serving import Serve


@pytest.fixture(scope="module")
def shared_door(shared_serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with (
        Provider().running() as provider,
        opened(shared_serve, tmp_path_factory.mktemp("door"), provider) as door,
    ):
        yield door


@pytest.fixture
def door(shared_door: Door, serve: Serve) -> Door:
    """A gateway with logins before an empty serve; its provider is as new."""
    assert serve.rows == {}
    fresh, provider = Provider(), shared_door.provider
    for name in ("person", "document", "more", "header", "refusal", "answers", "asked", "grants"):
        setattr(provider, name, getattr(fresh, name))
    if provider.kid != "key-1":
        provider.rotate("key-1")
    shared_door.clock.advance(s=3700)  # its keys and addresses are fetched again
    return shared_door


@pytest.fixture
def browser(door: Door) -> Browser:
    return door.browser()
