"""The check of a catalogue finds mistakes that are planted in a copy of the shipped one."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from gromit.adapters.catalogue.shipped import SHIPPED
from gromit.bootstrap.catalogue import catalogue_report, configured_catalogue
from gromit.config.schema import Settings
from gromit.core.stack.checks.check import CatalogueReport
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.errors import NotFound

REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump", "tyk-sink", "tyk-identity-broker")
GATEWAY = "tyk/tyk.conf.j2"
DASHBOARD = "tyk-analytics/tyk-analytics.conf.j2"
PUMP = "tyk-pump/tyk-pump.conf.j2"
SINK = "tyk-sink/tyk_sink.conf.j2"
BROKER = "tyk-identity-broker/tib.conf.j2"
VALUE = "s3cr3t-v4lue"
"""A secret in plain text, which no finding may repeat."""


@dataclass(frozen=True)
class World:
    """A copy of the shipped catalogue and its templates."""

    folder: Path

    @property
    def file(self) -> Path:
        """The catalogue file."""
        return self.folder / "mine.yaml"

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the entries of the catalogue, by name."""
        tree = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        entries = {entry["name"]: entry for entry in tree["components"]}
        change(entries)
        tree["components"] = list(entries.values())
        self.file.write_text(yaml.safe_dump(tree), encoding="utf-8")

    def replace(self, template: str, old: str, new: str) -> None:
        """Change one place in the text of a template."""
        path = self.folder / "templates" / template
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def check(self) -> CatalogueReport:
        """Check the catalogue as the command does."""
        settings = Settings(catalogue=self.file)
        return catalogue_report(settings, configured_catalogue(settings))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A catalogue in order."""
    shutil.copytree(SHIPPED.parent / "templates", tmp_path / "templates")
    shutil.copy(SHIPPED, tmp_path / "mine.yaml")
    return World(tmp_path)


@dataclass(frozen=True)
class Plant:
    """One mistake, and where the check must find it."""

    kind: FaultKind
    component: str
    subject: str
    plant: Callable[[World], object]
    certain: bool = True
    id: str = field(default="", compare=False)


def _text(template: str, old: str, new: str) -> Callable[[World], object]:
    return lambda world: world.replace(template, old, new)


def _entries(change: Callable[[dict[str, Any]], object]) -> Callable[[World], object]:
    return lambda world: world.edit(change)


def _variable(component: str, name: str, text: str) -> Callable[[World], object]:
    return _entries(lambda e: e[component].setdefault("environment", {}).update({name: text}))


def _without_peers(name: str, *edits: tuple[str, str, str]) -> Callable[[World], object]:
    """Remove a component that templates need, after edits that keep the need."""

    def plant(world: World) -> None:
        for template, old, new in edits:
            world.replace(template, old, new)
        world.edit(lambda entries: entries.pop(name))

    return plant


FILES = (
    Plant(
        FaultKind.FILE,
        "tyk",
        "tyk.conf",
        _text(GATEWAY, '"listen_port": 8181,', '"listen_port": 8181'),
    ),
    Plant(
        FaultKind.FILE,
        "tyk-pump",
        "tyk-pump.conf",
        _text(PUMP, '"purge_delay": 5,', '"purge_delay": 5, "Purge_Delay": 6,'),
    ),
    Plant(
        FaultKind.FILE,
        "tyk-analytics",
        "command",
        _entries(lambda e: e["tyk-analytics"].update(command=["--conf=/conf/dashboard.conf"])),
    ),
    Plant(
        FaultKind.FILE,
        "tyk-sink",
        "tyk_sink.conf",
        _text(SINK, "peers.redis", "peers.rediss"),
    ),
    Plant(
        FaultKind.FILE,
        "tyk-identity-broker",
        "profiles.json",
        _text("tyk-identity-broker/profiles.json.j2", "[]", "[,]"),
    ),
)
KEYS = (
    Plant(
        FaultKind.KEY,
        "tyk",
        "tyk.conf: listen_prot",
        _text(GATEWAY, '"listen_port"', '"listen_prot"'),
    ),
    Plant(
        FaultKind.KEY,
        "tyk",
        "tyk.conf: storage.port",
        _text(GATEWAY, '"port": 6379', '"port": "6379"'),
    ),
    Plant(
        FaultKind.KEY,
        "tyk-analytics",
        "tyk-analytics.conf: tyk_api_config.Port",
        _text(DASHBOARD, '"Port": "8181"', '"Port": 8181'),
    ),
    Plant(
        FaultKind.KEY,
        "tyk-pump",
        "tyk-pump.conf: analytics_storage_config.optimisation_max_idel",
        _text(PUMP, "optimisation_max_idle", "optimisation_max_idel"),
    ),
    Plant(
        FaultKind.KEY,
        "tyk",
        "tyk.conf: policies.policy_source",
        _text(GATEWAY, '"policy_source": "service"', '"policy_source": "servcie"'),
    ),
    Plant(FaultKind.KEY, "tyk", "TYK_GW_LOGLEVLE", _variable("tyk", "TYK_GW_LOGLEVLE", "info")),
    Plant(FaultKind.KEY, "tyk", "TYK_DB_PAGESIZE", _variable("tyk", "TYK_DB_PAGESIZE", "10")),
    Plant(
        FaultKind.KEY,
        "tyk-analytics",
        "TYK_DB_HASHKEYS",
        _variable("tyk-analytics", "TYK_DB_HASHKEYS", "yes"),
    ),
    Plant(
        FaultKind.KEY,
        "tyk-sink",
        "tyk_sink.conf: healthcheck_port",
        _text(SINK, '"http_port"', '"healthcheck_port"'),
        certain=False,
    ),
    Plant(
        FaultKind.KEY,
        "tyk-analytics",
        "mongo_url",
        _text(
            DASHBOARD, '"mongo_url": "mongodb://{{ platform.mongo }}/', '"sso_custom_login_url": "/'
        ),
    ),
    Plant(
        FaultKind.KEY,
        "tyk-pump",
        "program",
        _entries(lambda e: e["tyk-pump"].pop("program")),
        certain=False,
    ),
    Plant(
        FaultKind.KEY,
        "tyk-analytics",
        "tyk-analytics.conf: log_level",
        _text(DASHBOARD, '"redis_database": 0', '"redis_database": 0, "log_level": "info"'),
        certain=False,
    ),
)
HOSTS = (
    Plant(
        FaultKind.HOST,
        "tyk-analytics",
        "tyk-analytics.conf: mongo_url",
        _text(DASHBOARD, "{{ platform.mongo }}", "mongo.internal:27017"),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-pump",
        "tyk-pump.conf: analytics_storage_config.host",
        _text(PUMP, "{{ peers.redis | tojson }}", '"redis"'),
    ),
    Plant(
        FaultKind.HOST,
        "tyk",
        "tyk.conf: storage.host",
        _text(GATEWAY, '"port": 6379', '"port": 6380'),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-identity-broker",
        "tib.conf: TykAPISettings.GatewayConfig.Endpoint",
        _text(BROKER, "{{ peers.tyk }}", "localhost"),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-identity-broker",
        "tib.conf: BackEnd.IdentityBackendSettings.Hosts",
        _text(BROKER, "{{ peers.redis | tojson }}", '"redis.app-test.internal"'),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-analytics",
        "listen_port",
        _text(DASHBOARD, '"listen_port": 3000', '"listen_port": 3001'),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-pump",
        "on_reap",
        _entries(
            lambda e: e["tyk-pump"]["on_reap"].update(
                command=["mongosh", "mongodb://mongo.internal/analytics"]
            )
        ),
    ),
    Plant(
        FaultKind.HOST,
        "tyk-sink",
        "TYK_MDCB_STORAGE_HOST",
        _variable("tyk-sink", "TYK_MDCB_STORAGE_HOST", "cache.example.org"),
        certain=False,
    ),
)
SECRETS = (
    Plant(
        FaultKind.SECRET,
        "tyk",
        "TYK_GW_SECRET",
        _entries(lambda e: e["tyk"]["secrets"].pop("TYK_GW_SECRET")),
    ),
    Plant(
        FaultKind.SECRET,
        "tyk-identity-broker",
        "TYK_IB_SESSION_SECRET",
        _entries(lambda e: e["tyk-identity-broker"]["secrets"].pop("TYK_IB_SESSION_SECRET")),
    ),
    Plant(
        FaultKind.SECRET,
        "tyk-analytics",
        "TYK_DB_NODESECRET",
        _entries(lambda e: e["tyk-analytics"]["secrets"].update(TYK_DB_NODESECRET="gateway-api")),
    ),
    Plant(
        FaultKind.SECRET,
        "tyk-analytics",
        "tyk-analytics.conf: license_key",
        _text(DASHBOARD, '"redis_port"', f'"license_key": "{VALUE}", "redis_port"'),
    ),
    Plant(
        FaultKind.SECRET,
        "tyk-pump",
        "tyk-pump.conf: uptime_pump_config.mongo_url",
        _text(
            PUMP,
            '"tyk_uptime_analytics",\n    "mongo_url": "mongodb://',
            f'"tyk_uptime_analytics",\n    "mongo_url": "mongodb://user:{VALUE}@',
        ),
    ),
    Plant(
        FaultKind.SECRET,
        "tyk-sink",
        "TYK_MDCB_LICENSE",
        _entries(
            lambda e: e["tyk-sink"].update(secrets={}, environment={"TYK_MDCB_LICENSE": VALUE})
        ),
    ),
)
PEERS = (
    Plant(FaultKind.PEER, "tyk-pump", "components", _without_peers("redis")),
    Plant(
        FaultKind.PEER,
        "tyk",
        "use_db_app_configs",
        _without_peers(
            "tyk-analytics", (GATEWAY, '"use_db_app_configs": false', '"use_db_app_configs": true')
        ),
    ),
    Plant(
        FaultKind.PEER,
        "tyk-analytics",
        "identity_broker.enabled",
        _without_peers(
            "tyk-identity-broker",
            (
                DASHBOARD,
                '"redis_port"',
                '"identity_broker": {"enabled": true}, "redis_port"',
            ),
        ),
    ),
    Plant(
        FaultKind.PEER,
        "tyk",
        "enable_analytics",
        _without_peers("tyk-pump", (GATEWAY, "{{ ('tyk-pump' in peers) | tojson }}", "true")),
        certain=False,
    ),
    Plant(
        FaultKind.PEER,
        "tyk-identity-broker",
        "components",
        _entries(lambda e: [e.pop(name) for name in REPOSITORIES if name.count("-") < 2]),
    ),
)
PLANTS = (*FILES, *KEYS, *HOSTS, *SECRETS, *PEERS)


def _found(report: CatalogueReport) -> Iterator[tuple[str, str, str, bool]]:
    for fault in report.faults:
        yield (fault.kind, fault.component, fault.subject, fault.certain)


def test_the_shipped_catalogue_has_no_fault(world: World) -> None:
    assert world.check().faults == ()


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: f"{p.kind}-{p.component}-{p.subject}")
def test_a_planted_mistake_is_found(plant: Plant, world: World) -> None:
    plant.plant(world)
    report = world.check()
    expected = (plant.kind, plant.component, plant.subject, plant.certain)
    assert expected in set(_found(report))
    assert VALUE not in str(report)


@pytest.mark.parametrize("kind", FaultKind, ids=str)
def test_each_kind_has_at_least_five_planted_mistakes(kind: FaultKind) -> None:
    assert sum(plant.kind is kind for plant in PLANTS) >= 5


def test_a_planted_mistake_is_the_only_one_unless_others_follow_from_it(world: World) -> None:
    plant = KEYS[0]
    plant.plant(world)
    assert [fault.subject for fault in world.check().faults] == [plant.subject]


def test_all_mistakes_are_found_at_once(world: World) -> None:
    together = (FILES[1], *KEYS[:2], *HOSTS[:1], *SECRETS[:2])
    for plant in together:
        plant.plant(world)
    found = {(f.kind, f.component, f.subject) for f in world.check().faults}
    assert {(p.kind, p.component, p.subject) for p in together} <= found


def test_the_files_of_an_environment_are_checked_in_place_of_rendered_ones(
    world: World, tmp_path: Path
) -> None:
    settings = Settings(catalogue=world.file, root=tmp_path / "config")
    catalogue = configured_catalogue(settings)
    folder = tmp_path / "config" / "app-test" / "tyk"
    folder.mkdir(parents=True)
    edited = {
        "listen_port": 8181,
        "storage": {"host": "redis.app-test.internal", "port": 6379},
        "db_app_conf_options": {"connection_string": "http://tyk-analytics.old.internal:3000"},
    }
    (folder / "tyk.conf").write_text(json.dumps(edited))
    (folder / ".gromit.json").write_text("[")
    (fault,) = catalogue_report(settings, catalogue, "app-test").faults
    assert fault.subject == "tyk.conf: db_app_conf_options.connection_string"
    with pytest.raises(NotFound, match="there is no folder app-other"):
        catalogue_report(settings, catalogue, "app-other")


@pytest.mark.parametrize("size", range(1, len(REPOSITORIES) + 1))
def test_the_shipped_catalogue_is_right_for_every_choice_of_repositories(size: int) -> None:
    for chosen in combinations(REPOSITORIES, size):
        settings = Settings(repos=tuple(chosen))
        catalogue = configured_catalogue(settings)
        mistakes = [f for f in catalogue_report(settings, catalogue).faults if f.certain]
        assert [f for f in mistakes if not _is_a_broker_alone(f, chosen)] == [], chosen


def _is_a_broker_alone(fault: CatalogueFault, chosen: tuple[str, ...]) -> bool:
    is_alone = not {"tyk", "tyk-analytics"} & set(chosen)
    return is_alone and fault.component == "tyk-identity-broker" and fault.kind is FaultKind.PEER
