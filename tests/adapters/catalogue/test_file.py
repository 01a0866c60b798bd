"""Catalogue files: valid ones, and the errors of invalid ones."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.catalogue.entry import CatalogueEntry, ComponentSize
from gromit.adapters.catalogue.shipped import SHIPPED
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.health import HealthCheck as ComponentHealth
from gromit.core.stack.health import HealthState
from gromit.core.stack.hooks import Hook, HookKind
from gromit.core.stack.secrets import SecretOrigin
from gromit.errors import ConfigError

TERRAFORM = Path(__file__).parents[3] / "terraform"
DEFAULT_IMAGE = re.compile(r'(?:default *= *|optional\(string, )"([^":]+:[^"/]+)"')
"""Default of a variable that is an image: a name, a colon and a tag."""
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:licence-AbCdEf"
PORTAL = "components: [{name: portal, repository: portal, port: 3001, public: true}]"


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def _entry(tmp_path: Path, keys: str) -> Catalogue:
    return catalogue_file.load_catalogue(
        _write(tmp_path, f"components: [{{name: portal, {keys}}}]")
    )


def test_the_shipped_catalogue_is_the_tyk_stack() -> None:
    found = catalogue_file.load_catalogue().components
    assert {n: (c.repository or c.image, c.port, c.public) for n, c in found.items()} == {
        "tyk": ("tyk", 8181, True),
        "tyk-analytics": ("tyk-analytics", 3000, True),
        "tyk-pump": ("tyk-pump", None, False),
        "tyk-sink": ("tyk-sink", 9091, False),
        "tyk-identity-broker": ("tyk-identity-broker", 3010, False),
        "redis": ("public.ecr.aws/docker/library/redis:7", 6379, False),
    }
    assert {c.default_tag for c in found.values()} == {"master"}
    assert not any("arn:" in source for c in found.values() for source in c.secrets.values())


def test_every_shipped_image_names_a_registry_that_does_not_ration() -> None:
    """Docker Hub, which a name without a registry means, limits pulls by address."""
    components = catalogue_file.load_catalogue().components.values()
    fixed = [c.image for c in components] + [h.image for c in components for h in c.hooks.values()]
    defaults = [path.read_text() for path in TERRAFORM.rglob("variables.tf")]
    fixed += [name for text in defaults for name in DEFAULT_IMAGE.findall(text)]
    named = [image for image in fixed if image]
    assert len(named) >= 4
    assert [image for image in named if not image.startswith("public.ecr.aws/")] == []


def test_shipped_templates_have_a_component_and_commands_name_rendered_files() -> None:
    found = catalogue_file.load_catalogue().components
    folders = {p.name for p in (SHIPPED.parent / "templates").iterdir()}
    assert folders == {name for name, c in found.items() if c.templates}
    for component in found.values():
        named = [word.split("=")[-1] for word in component.command if "/conf/" in word]
        rendered = {f"{component.config_path}/{file}" for file in component.templates}
        assert rendered - {"/conf/policies.json"} == set(named), "tyk.conf names the policies"


def test_one_more_entry_is_enough_to_add_a_component(tmp_path: Path) -> None:
    extended = catalogue_file.load_catalogue(_write(tmp_path, f"extends: tyk\n{PORTAL}"))
    shipped = catalogue_file.load_catalogue()
    assert extended.components == {**shipped.components, "portal": extended.components["portal"]}
    copied = catalogue_file.load_catalogue(
        _write(tmp_path, f"{SHIPPED.read_text()}\n  - name: portal\n    repository: portal\n")
    )
    assert copied.components.keys() == extended.components.keys()
    assert copied.components["tyk"] == shipped.components["tyk"]


def test_an_entry_replaces_the_one_of_the_same_name_in_what_it_extends(tmp_path: Path) -> None:
    path = _write(
        tmp_path, "extends: tyk\ncomponents: [{name: redis, image: 'redis:8', port: 6379}]"
    )
    assert catalogue_file.load_catalogue(path).components["redis"].image == "redis:8"


def test_an_entry_has_a_key_for_every_field_of_a_component() -> None:
    keys = {**CatalogueEntry.model_fields, **ComponentSize.model_fields}
    del keys["size"]
    assert [keys.pop(kind) for kind in HookKind]
    keys["hooks"] = keys["name"]
    assert keys.keys() ^ {field.name for field in fields(Component)} == set()


def test_an_entry_and_a_component_have_the_same_defaults(tmp_path: Path) -> None:
    portal = _entry(tmp_path, "repository: portal").components["portal"]
    assert portal == Component(name="portal", repository="portal")


def test_every_key_reaches_its_component(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "own"
    folder.mkdir(parents=True)
    (folder / "portal.conf.j2").write_text("{{ env }}")
    (folder / ".swp").write_text("an editor's")
    keys = (
        "repository: portal, default_tag: main, port: 3001, public: true,"
        " health: {path: /hello, key: status, ready: /ready, degraded_by: fail, grace: 30},"
        " command: [run, '-v'], config_path: /conf, templates: own,"
        f"environment: {{A: b}}, secrets: {{LICENCE: '{ARN}'}}, size: {{cpu: 512, memory: 2048}}"
    )
    portal = _entry(tmp_path, keys).components["portal"]
    assert (portal.repository, portal.default_tag, portal.port, portal.public) == (
        "portal",
        "main",
        3001,
        True,
    )
    assert (portal.command, portal.config_path, portal.templates) == (
        ("run", "-v"),
        "/conf",
        {"portal.conf": "{{ env }}"},
    )
    assert portal.health == ComponentHealth(
        path="/hello",
        key="status",
        ready="/ready",
        degraded_by=HealthState.FAIL,
        grace_s=30,
    )
    assert (portal.environment, portal.secrets, portal.cpu, portal.memory) == (
        {"A": "b"},
        {"LICENCE": ARN},
        512,
        2048,
    )


def test_repositories_select_from_the_catalogue_and_unknown_ones_are_known_only() -> None:
    found = catalogue_file.load_catalogue(None, ["tyk", "raava"])
    assert found.components.keys() == {"tyk", "redis"}
    assert found.known_only == {"raava"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("repository: p, prot: 80", "prot: there is no such key"),
        ("repository: p, port: 80, health: {path: /h}", "has a health check but is not public"),
        ("repository: p, health: {}", "health.path: is missing"),
        ("repository: p, health: {path: hello}", "health.path: must be the path of a request"),
        ("repository: p, health: {path: '/a b'}", "health.path: must be the path of a request"),
        ("repository: p, health: {path: /h, ready: r}", "health.ready: must be the path"),
        ("repository: p, health: {path: /h, degraded_by: pass}", "health.degraded_by: input"),
        ("repository: p, health: {path: /h, status: x}", "health.status: there is no such key"),
        ("repository: p, size: {ram: 3}", "size.ram: there is no such key"),
        ("repository: p, port: '80'", "port: input should be a valid integer"),
        ("repository: p, port: 0", "port: input should be greater than 0"),
        ("repository: p, port: 65536", "port: input should be less than 65536"),
        ("repository: p, public: true", "is public but has no port"),
        ("repository: p, public: 1", "public: input should be a valid boolean"),
        ("repository: p, image: 'x:1'", "either a repository or an image"),
        ("port: 80", "either a repository or an image"),
        ("repository: Org/p", "repository: must be the repository's own name, p"),
        ("repository: name", "repository: no repository can be called 'name'"),
        ("repository: state", "repository: no repository can be called 'state'"),
        ("repository: 'a b'", "repository: repo 'a b' is not a repository name"),
        ("image: ':7'", "image: is not the name of an image"),
        ("image: 'x:1', default_tag: main", "default_tag has no meaning for a fixed image"),
        ("repository: p, default_tag: 'a/b'", "default_tag: is not an image tag"),
        ("repository: p, command: run", "command: input should be a valid list"),
        ("repository: p, command: [1]", "command.0: must be text (write it in quotes)"),
        ("repository: p, config_path: conf", "config_path: must be an absolute path"),
        ("repository: p, config_path: /a/../b", "config_path: must be an absolute path"),
        ("repository: p, config_path: /", "config_path: must be an absolute path"),
        ("repository: p, config_path: /a/", "config_path: must be an absolute path"),
        ("repository: p, environment: {A: 1}", "environment.A: must be text (write it in quotes)"),
        (
            "repository: p, environment: {'A B': x}",
            "environment: 'A B' is not the name of a variable",
        ),
        ("repository: p, secrets: {'A=': x}", "secrets: 'A=' is not the name of a variable"),
        (
            f"repository: p, environment: {{A: x}}, secrets: {{A: '{ARN}'}}",
            "A is in environment and in secrets",
        ),
        (
            "repository: p, size: {cpu: 256, memory: 1536}",
            "size: Fargate has no 256 CPU units with 1536 MiB",
        ),
        ("repository: p, size: {cpu: 300}", "size: Fargate has no 300 CPU units with 512 MiB"),
        (
            "repository: p, templates: ../etc, config_path: /c",
            "templates: must be the plain name of a folder",
        ),
        ("repository: p, templates: nothing, config_path: /c", "templates: there is no folder"),
        ("repository: p, templates: tyk", "config templates but no config_path"),
    ],
)
def test_a_wrong_entry_is_refused_naming_file_component_and_key(
    tmp_path: Path, keys: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _entry(tmp_path, keys)
    assert str(tmp_path / "mine.yaml") in caught.value.message
    assert "component portal" in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("key", ["name", "state"])
def test_a_repository_called_like_a_key_of_the_wire_is_refused_wherever_it_comes_from(
    key: str,
) -> None:
    with pytest.raises(ConfigError, match=f"no repository can be called '{key}'"):
        catalogue_file.load_catalogue(None, ["tyk", key])
    with pytest.raises(ConfigError, match=f"no repository can be called '{key}'"):
        Component(name="portal", repository=key)
    assert Component(name=key, repository="portal").name == key, "a component is no key there"


def test_a_secret_in_place_of_its_arn_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="secrets: LICENCE must be the ARN") as caught:
        _entry(tmp_path, "repository: p, secrets: {LICENCE: hunter2}")
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_components_share_named_secrets_and_a_file_replaces_those_that_it_extends(
    tmp_path: Path,
) -> None:
    text = (
        f"extends: tyk\nsecrets: {{gateway-api: {{made: random, arn: '{ARN}'}},"
        " portal-key: {made: bought}}\n"
        "components: [{name: portal, image: 'p:1', secrets: {KEY: portal-key, API: gateway-api}}]"
    )
    found = catalogue_file.load_catalogue(_write(tmp_path, text))
    shipped = catalogue_file.load_catalogue()
    assert found.secrets.keys() == shipped.secrets.keys() | {"portal-key"}
    assert found.secrets["gateway-api"].arn == ARN
    assert found.secrets["portal-key"].made == SecretOrigin.BOUGHT
    assert {"portal-key", "gateway-api"} <= found.used_secrets.keys()
    assert found.select(["tyk"]).secrets == found.secrets


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ("hunter2", "secrets: must be a mapping of names"),
        ("{key: hunter2}", "secret key: is not a mapping"),
        ("{key: {}}", "secret key: made: is missing"),
        ("{key: {made: hunter2}}", "secret key: made: input should be 'random' or 'bought'"),
        ("{key: {made: random, value: hunter2}}", "secret key: value: there is no such key"),
        ("{key: {made: random, arn: hunter2}}", "secret key: arn: must be the ARN"),
        ("{Key_1: {made: random}}", "secrets: a name in secrets is not usable"),
    ],
)
def test_a_wrong_named_secret_is_refused_and_no_value_is_repeated(
    tmp_path: Path, secrets: str, message: str
) -> None:
    path = _write(tmp_path, f"secrets: {secrets}\n{PORTAL}")
    with pytest.raises(ConfigError) as caught:
        catalogue_file.load_catalogue(path)
    assert message in caught.value.message
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("key", "meant"), [("repositry", "repository"), ("Name", "name"), ("enviroment", "environment")]
)
def test_a_misspelt_key_is_answered_with_the_right_one(
    tmp_path: Path, key: str, meant: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _entry(tmp_path, f"repository: p, {key}: x")
    assert caught.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a catalogue"),
        ("- name: x", "is not a catalogue"),
        ("{}", "components: must be a list"),
        ("components: []", "components: must be a list"),
        ("components: {tyk: {repository: tyk}}", "components: must be a list"),
        ("components: [tyk]", "an entry is not a mapping"),
        ("components: [{repository: tyk}]", "component (unnamed): name: is missing"),
        ("components: [{name: Tyk, repository: tyk}]", "component 'Tyk' is not a usable name"),
        (
            "components: [{name: a, image: 'a:1'}, {name: a, image: 'b:1'}]",
            "component a: name: is used twice",
        ),
        (
            "components: [{name: a, repository: r}, {name: b, repository: r, default_tag: x}]",
            "component b: default_tag",
        ),
        ("components: [{name: a, image: 'a:1', image: 'b:1'}]", "duplicate key image"),
        ("components: [{? [x] : 1}]", "unhashable key"),
        ("extend: tyk\ncomponents: []", "extend: there is no such key"),
        (f"extends: other\n{PORTAL}", "extends: 'other' is not a shipped catalogue"),
        ("components: [", "line 1: "),
        ("\x00", "it is not YAML in UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_naming_it(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        catalogue_file.load_catalogue(path)
    assert caught.value.message.startswith(str(path))
    assert message in caught.value.message


def test_hooks_are_read_with_their_defaults(tmp_path: Path) -> None:
    portal = _entry(
        tmp_path,
        "repository: p, on_create: {command: [seed, all]},"
        " on_reap: {command: [x], image: 'mongo:7', timeout: 60, required: false}",
    ).components["portal"]
    assert portal.hooks == {
        HookKind.ON_CREATE: Hook(command=("seed", "all")),
        HookKind.ON_REAP: Hook(command=("x",), image="mongo:7", timeout_s=60, required=False),
    }


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("{}", "on_reap.command: is missing"),
        ("{command: []}", "on_reap.command: "),
        ("{command: mongosh}", "on_reap.command: "),
        ("{command: [x], image: 'a b'}", "on_reap.image: is not the name of an image"),
        ("{command: [x], timeout: 0}", "on_reap.timeout: "),
        ("{command: [x], timeout: 3601}", "on_reap.timeout: "),
        ("{command: [x], timeout: 5m}", "on_reap.timeout: "),
        ("{command: [x], required: 'yes'}", "on_reap.required: "),
        ("{command: [x], retries: 3}", "on_reap.retries: there is no such key"),
        ("[mongosh]", "on_reap: "),
    ],
)
def test_a_wrong_hook_is_refused_naming_its_key(tmp_path: Path, hook: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _entry(tmp_path, f"repository: p, on_reap: {hook}")
    assert f"component portal: {message}" in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nothing\.yaml"):
        catalogue_file.load_catalogue(tmp_path / "nothing.yaml")


def _link_out(folder: Path) -> None:
    (folder.parent.parent / "outside").write_text("secret")
    (folder / "a.conf.j2").symlink_to("../../outside")


def _subfolder(folder: Path) -> None:
    (folder / "a.conf.j2").mkdir()


def _no_suffix(folder: Path) -> None:
    (folder / "a.conf").write_text("{}")


def _odd_name(folder: Path) -> None:
    (folder / "a b.j2").write_text("{}")


def _not_utf8(folder: Path) -> None:
    (folder / "a.conf.j2").write_bytes(b"\xff")


def _broken(folder: Path) -> None:
    (folder / "a.conf.j2").write_text("\n{% if %}")


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (_link_out, "is not a file in"),
        (_subfolder, "is not a file in"),
        (_no_suffix, "is not a template"),
        (_odd_name, "is not a template"),
        (_not_utf8, "cannot be read"),
        (_broken, "template a.conf of component portal, line 2"),
    ],
)
def test_a_template_that_cannot_be_meant_is_refused(
    tmp_path: Path, put: object, message: str
) -> None:
    folder = tmp_path / "templates" / "own"
    folder.mkdir(parents=True)
    assert callable(put)
    put(folder)
    with pytest.raises(ConfigError) as caught:
        _entry(tmp_path, "repository: p, config_path: /c, templates: own")
    assert "component portal: templates: " in caught.value.message
    assert message in caught.value.message


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
)
_keys = st.sampled_from(
    [
        "name",
        "repository",
        "image",
        "port",
        "public",
        "command",
        "templates",
        "secrets",
        "size",
        "on_reap",
        "odd",
    ]
)


@given(st.dictionaries(_keys, _values))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_whatever_an_entry_holds_it_is_read_or_refused_with_words(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"components": [entry]}))
    message = str(path)
    try:
        catalogue_file.load_catalogue(path)
    except ConfigError as error:
        message = error.message
    assert message.startswith(str(path))
