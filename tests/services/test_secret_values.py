"""Values of secrets: drawn, asked for, kept, replaced; and never shown."""

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.secrets import NamedSecret, SecretOrigin, SecretStatus
from gromit.errors import Denied, GromitError, InvalidInput, NotFound
from gromit.services.secret_values import SecretMaker
from tests.fakes.secrets import FakeSecrets

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:own-AbCdEf"
API = NamedSecret(name="api", made=SecretOrigin.RANDOM)
LICENCE = NamedSecret(name="licence", made=SecretOrigin.BOUGHT)
UNUSED = NamedSecret(name="unused", made=SecretOrigin.BOUGHT)
OWN = NamedSecret(name="own", made=SecretOrigin.BOUGHT, arn=ARN)
CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", image="tyk:1", secrets={"B": "api", "A": "licence"}),
        "pump": Component(name="pump", image="pump:1", secrets={"C": "api", "D": "own"}),
    },
    secrets={secret.name: secret for secret in (OWN, LICENCE, API, UNUSED)},
)


@dataclass
class World:
    """Secrets in memory, and a person who answers."""

    store: FakeSecrets = field(default_factory=FakeSecrets)
    answer: str | None = "hunter2"
    asked: list[str] = field(default_factory=list)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.maker = SecretMaker(CATALOGUE, self.store, self._draw)

    def make(self, **given: str) -> dict[str, str]:
        return {r.name: r.result for r in self.maker.make(given, self.ask)}

    def ask(self, name: str) -> str | None:
        self.asked.append(name)
        return self.answer

    def _draw(self) -> str:
        self.drawn += 1
        return f"random-{self.drawn}"


@pytest.fixture
def world() -> World:
    return World()


def test_every_secret_is_reported_with_its_users(world: World) -> None:
    world.store.write(API.path, "x")
    reports = {r.name: r for r in world.maker.reports()}
    assert list(reports) == ["api", "licence", "own"]
    assert reports["api"].users == ("tyk B", "pump C")
    assert (reports["api"].status, reports["licence"].status) == (
        SecretStatus.SET,
        SecretStatus.MISSING,
    )
    assert (reports["api"].id, reports["own"].id) == (API.path, ARN)


def test_random_secrets_are_drawn_and_bought_ones_are_asked_for(world: World) -> None:
    assert world.make() == {
        "api": "made",
        "licence": "stored",
        "own": "left alone: it is not gromit's",
    }
    assert world.store.values == {API.path: ["random-1"], LICENCE.path: ["hunter2"]}
    assert world.asked == ["licence"]


def test_existing_values_are_kept(world: World) -> None:
    world.make()
    world.store.values[ARN] = ["x"]
    assert world.make() == dict.fromkeys(("api", "licence", "own"), "kept")
    assert world.store.values[API.path] == ["random-1"]
    assert world.asked == ["licence"]


def test_an_empty_secret_gets_a_value_and_a_deleted_one_is_left_alone(world: World) -> None:
    world.store.values[API.path] = []
    world.store.write(LICENCE.path, "x")
    world.store.deleted.add(LICENCE.path)
    assert world.make()["api"] == "made"
    assert world.make()["licence"] == "left alone"


def test_without_an_answer_the_others_are_made_all_the_same() -> None:
    world = World(answer=None)
    assert world.make()["licence"] == "no value was given"
    assert set(world.store.values) == {API.path}


def test_a_given_value_is_neither_drawn_nor_asked_for(world: World) -> None:
    world.make(licence="  given\n", api="own-api")
    assert world.store.values == {API.path: ["own-api"], LICENCE.path: ["given"]}
    assert world.asked == []


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"licence": " \n"}, InvalidInput, "the value of licence is empty"),
        ({"licence": "hunter2\0"}, InvalidInput, "the value of licence is not usable"),
        ({"licence": "hunter2" * 10_000}, InvalidInput, "the value of licence is not usable"),
        ({"other": "hunter2"}, NotFound, "no component uses a secret 'other'"),
        ({"own": "hunter2"}, InvalidInput, "secret own has an ARN of its own"),
        ({"api": "hunter2"}, InvalidInput, "secret api has a value already"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_written_and_is_not_repeated(
    world: World, given: dict[str, str], error: type[GromitError], message: str
) -> None:
    world.store.write(API.path, "x")
    with pytest.raises(error, match=message) as caught:
        world.make(**given)
    assert set(world.store.values) == {API.path}
    assert caught.value.hint
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_one_secret_is_replaced(world: World) -> None:
    world.make()
    assert world.maker.replace("api", None, world.ask).result == "replaced"
    assert world.maker.replace("licence", "new", world.ask).result == "replaced"
    assert world.store.values == {
        API.path: ["random-1", "random-2"],
        LICENCE.path: ["hunter2", "new"],
    }


def test_a_replacement_without_a_value_or_of_no_secret_of_ours_is_refused() -> None:
    world = World(answer=None)
    with pytest.raises(InvalidInput, match="there is no value for licence"):
        world.maker.replace("licence", None, world.ask)
    with pytest.raises(InvalidInput, match="own has an ARN of its own"):
        world.maker.replace("own", "x", world.ask)
    with pytest.raises(NotFound, match="no component uses a secret 'unused'") as caught:
        world.maker.replace("unused", "x", world.ask)
    assert caught.value.hint == "used secrets are: api, licence, own"
    assert world.store.values == {}


def test_a_value_is_neither_logged_nor_returned(world: World) -> None:
    with capture_logs() as logs:
        reports = world.maker.make({}, world.ask)
    assert [entry["event"] for entry in logs] == ["secret.written"] * 2
    assert not any(value in f"{logs} {reports}" for value in ("hunter2", "random-1"))


def test_a_failure_of_the_store_is_raised(world: World) -> None:
    world.store.problem = Denied("may not look")
    with pytest.raises(Denied):
        world.make()
