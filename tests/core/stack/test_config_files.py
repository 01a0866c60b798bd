"""Rendering of config files, and the rules for existing files."""

import hashlib
import json
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.stack import config_templates
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.config_files import NO_FILE, FileAction, decide_file_action, folder_hash
from gromit.core.stack.config_templates import TemplateVariables, render_files
from gromit.errors import ConfigError


def _catalogue(text: str, *more: Component) -> Catalogue:
    component = Component(
        name="tyk", repository="tyk", config_path="/conf", templates={"tyk.conf": text}
    )
    return Catalogue({c.name: c for c in (component, *more)})


def _variables(catalogue: Catalogue, domain: str | None = "dev.example.test") -> TemplateVariables:
    sample = config_templates.sample_variables(catalogue)
    return replace(
        sample,
        env="app-test",
        domain=domain,
        peers=config_templates.internal_names(catalogue, "app-test"),
    )


def _rendered(text: str, domain: str | None = "dev.example.test") -> str:
    catalogue = _catalogue(text)
    return render_files(catalogue, _variables(catalogue, domain))["tyk"]["tyk.conf"]


def test_a_template_sees_environment_domain_peers_versions_and_platform() -> None:
    text = "{{ env }} {{ domain }} {{ peers.tyk }} {{ versions.tyk }} {{ platform.region }}\n"
    assert (
        _rendered(text) == "app-test dev.example.test tyk.app-test.internal master eu-central-1\n"
    )


def test_every_component_with_a_config_folder_is_rendered_even_without_templates() -> None:
    catalogue = _catalogue(
        "x",
        Component(name="bare", image="bare:1", config_path="/c"),
        Component(name="none", image="none:1"),
    )
    assert render_files(catalogue, _variables(catalogue)) == {"tyk": {"tyk.conf": "x"}, "bare": {}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n\n{{ peers.mongo }}", "line 3: 'dict object' has no attribute 'mongo'"),
        ("\n{{ platform.mango }}", "line 2: 'dict object' has no attribute 'mango'"),
        ("{{ nothing }}", "line 1: 'nothing' is undefined"),
        ("{% if %}", "line 1: "),
        ("\n{{ 1 / 0 }}", "line 2: ZeroDivisionError"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ [1, 2] | random }}", "No filter named 'random'"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ peers.update({}) }}", "unsafe"),
        ("{{ '\\ud800' }}", "surrogates not allowed"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_named_with_its_line(text: str, why: str) -> None:
    with pytest.raises(
        ConfigError, match=r"template tyk\.conf of component tyk, line \d+: "
    ) as caught:
        _rendered(text)
    assert why in caught.value.message


def test_a_template_that_needs_a_domain_says_so_where_none_is_set() -> None:
    with pytest.raises(ConfigError, match="'domain' is undefined"):
        _rendered("{{ domain }}", domain=None)


def test_a_template_sees_where_its_component_finds_its_config_and_where_mongo_is() -> None:
    text = "{{ config_path }} {{ platform.mongo }}"
    assert _rendered(text) == "/conf mongo.dev.example.com:27017"


def test_a_template_that_needs_mongo_fails_with_the_remedy_where_the_platform_has_none() -> None:
    def rendered(text: str) -> str:
        catalogue = _catalogue(text)
        variables = _variables(catalogue)
        without = replace(variables, platform=replace(variables.platform, mongo=""))
        return render_files(catalogue, without)["tyk"]["tyk.conf"]

    assert rendered("{{ platform.mongo is defined }} {{ platform.region }}") == "False eu-central-1"
    with pytest.raises(
        ConfigError, match=r"tyk\.conf of component tyk, line 2: the platform has no"
    ):
        rendered("\nmongodb://{{ platform.mongo }}/x")


def test_components_whose_templates_name_mongo_are_known() -> None:
    assert config_templates.mongo_users(_catalogue("{{ platform.mongo }}")) == {"tyk"}
    assert config_templates.mongo_users(_catalogue("{{ platform.region }}")) == frozenset()
    users = {"tyk-analytics", "tyk-pump", "tyk-sink"}
    assert config_templates.mongo_users(catalogue_file.load_catalogue()) == users


def test_shipped_configs_are_json_for_every_selection_of_repositories_and_without_domain() -> None:
    whole = catalogue_file.load_catalogue()
    repositories = sorted(whole.repositories)
    for chosen in [c for n in range(len(repositories) + 1) for c in combinations(repositories, n)]:
        catalogue = whole.select(chosen)
        for domain in ("dev.example.test", None):
            for files in render_files(catalogue, _variables(catalogue, domain)).values():
                for text in files.values():
                    json.loads(text)


def test_the_shipped_gateway_finds_its_redis_and_its_dashboard_inside_the_environment() -> None:
    catalogue = catalogue_file.load_catalogue()
    conf = json.loads(render_files(catalogue, _variables(catalogue))["tyk"]["tyk.conf"])
    assert conf["listen_port"] == catalogue.components["tyk"].port
    assert conf["storage"]["host"] == "redis.app-test.internal"
    assert (
        conf["policies"]["policy_connection_string"]
        == "http://tyk-analytics.app-test.internal:3000"
    )


@pytest.mark.parametrize(
    ("rendered", "present", "wanted", "step"),
    [
        ("", None, "A", FileAction.WRITE),
        ("A", "A", "A", FileAction.UNCHANGED),
        ("A", "A", "B", FileAction.WRITE),
        ("A", "X", "A", FileAction.KEEP),
        ("A", "X", "B", FileAction.KEEP),
        ("A", "B", "B", FileAction.UNCHANGED),
        ("AB", "A", "C", FileAction.WRITE),
        ("AB", "B", "C", FileAction.WRITE),
        ("A", None, "A", FileAction.WRITE),
        ("A", None, "B", FileAction.WRITE),
        ("", "A", "A", FileAction.UNCHANGED),
        ("", "X", "A", FileAction.KEEP),
        ("A", "A", None, FileAction.REMOVE),
        ("A", "X", None, FileAction.KEEP),
        ("", "X", None, FileAction.KEEP),
        ("A", None, None, FileAction.UNCHANGED),
        ("A", NO_FILE, "B", FileAction.KEEP),
        ("A", NO_FILE, None, FileAction.KEEP),
    ],
)
def test_who_owns_a_file(
    rendered: str, present: str | None, wanted: str | None, step: FileAction
) -> None:
    assert decide_file_action(list(rendered), present, wanted) is step


_hashes = st.sampled_from(["A", "B", "C", NO_FILE])


@given(
    st.frozensets(st.sampled_from(["A", "B", "C"])),
    st.none() | _hashes,
    st.none() | st.sampled_from(["A", "B", "C"]),
)
def test_what_a_person_wrote_is_never_written_over_or_removed(
    rendered: frozenset[str], present: str | None, wanted: str | None
) -> None:
    if (
        present is not None
        and present not in rendered
        and decide_file_action(rendered, present, wanted) in {FileAction.WRITE, FileAction.REMOVE}
    ):
        raise AssertionError((rendered, present, wanted))


_files = st.dictionaries(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1),
    st.binary(),
    max_size=6,
)


@given(_files)
def test_the_folder_hash_is_what_its_definition_says(files: dict[str, bytes]) -> None:
    by_hand = b"".join(
        path + b"\0" + len(content).to_bytes(8, "big") + content
        for path, content in sorted((name.encode(), content) for name, content in files.items())
    )
    found = folder_hash((name.encode(), content) for name, content in reversed(files.items()))
    assert found == hashlib.sha256(by_hand).hexdigest()


@given(_files, _files)
def test_folders_that_differ_have_different_hashes(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    hashes = {
        folder_hash((name.encode(), content) for name, content in files.items())
        for files in (one, other)
    }
    assert (len(hashes) == 1) == (one == other)
