"""Memory of a pass: what is read once, and when it is read again."""

from threading import Event, Thread

import pytest

from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError
from gromit.services.pass_memory import FRESH_S, PassMemory
from tests.fakes.platform import FakePlatform
from tests.fakes.secrets import FakeSecrets
from tests.waiting import PATIENCE_S


class CountedPlatform(FakePlatform):
    """A platform that counts its reads."""

    reads = 0

    def read(self) -> Platform:
        """Count the read."""
        self.reads += 1
        return super().read()


class World:
    """A memory over fakes, on a clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.platform, self.secrets = CountedPlatform(), FakeSecrets("a", "b")
        self.memory = PassMemory(self.platform, self.secrets, lambda: self.now_s)

    def read(self) -> tuple[int, int]:
        """Read everything; return the numbers of reads so far."""
        self.memory.read()
        self.memory.states(["a", "b"])
        return self.platform.reads, len(self.secrets.asked)


class SlowPlatform(CountedPlatform):
    """A platform whose reads take until a test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = Event(), Event()

    def read(self) -> Platform:
        """Wait until the test has done what it does meanwhile."""
        self.begun.set()
        self.may_end.wait(PATIENCE_S)
        return super().read()


@pytest.fixture
def world() -> World:
    return World()


def test_all_is_read_once_until_it_is_forgotten(world: World) -> None:
    assert [world.read() for _ in range(3)] == [(1, 1)] * 3
    world.memory.forget()
    assert world.read() == (2, 2)


def test_in_a_long_pass_all_is_read_again(world: World) -> None:
    world.read()
    world.now_s += FRESH_S
    assert world.read() == (1, 1)
    world.now_s += 1
    assert world.read() == (2, 2)


def test_only_secrets_that_are_not_known_are_asked_for(world: World) -> None:
    world.memory.states(["a"])
    world.memory.states(["a", "b"])
    world.memory.states(["b"])
    assert world.secrets.asked == [["a"], ["b"]]


def test_a_secret_without_a_value_is_asked_for_again(world: World) -> None:
    assert not world.memory.states(["new"])["new"].is_usable
    world.secrets.write("new", "x")
    assert world.memory.states(["new"])["new"].is_usable


def test_an_error_is_not_kept(world: World) -> None:
    known, world.platform.platform = world.platform.platform, None
    with pytest.raises(ConfigError):
        world.memory.read()
    world.platform.platform = known
    assert world.memory.read() == known


def test_forgetting_waits_for_no_read_in_progress_and_counts_for_the_next(world: World) -> None:
    """The loop of a worker forgets; a run of it may wait for AWS for a long time."""
    platform = SlowPlatform()
    memory = PassMemory(platform, world.secrets, lambda: 0.0)
    reader, forgetter = Thread(target=memory.read), Thread(target=memory.forget)
    reader.start()
    assert platform.begun.wait(PATIENCE_S)
    forgetter.start()
    forgetter.join(PATIENCE_S)
    is_waiting = forgetter.is_alive()
    platform.may_end.set()
    reader.join(PATIENCE_S)
    forgetter.join(PATIENCE_S)
    assert not is_waiting
    memory.read()
    assert platform.reads == 2
