"""The commands of the how-to's workflow push an image under the tags that gromit looks for.

The one fake is docker, which records its arguments. Then serve's own code finds the image in a
registry.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.environments.environment import RepositoryVersion, Source
from gromit.core.names import is_tag
from tests.docs.markdown import blocks, read
from tests.hooks.events import HEAD, Event, push
from tests.services.registry import Registry

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tyk-analytics"
DOCKER = '#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n'
OTHER = "tyk-analytics"
"""The repository that pushes, and reports nothing."""


def push_step() -> Mapping[str, Any]:
    """The step of the page that builds and pushes."""
    (shown,) = [
        yaml.safe_load(b.text)
        for b in blocks(read("how-to/report-builds-from-ci.md"))
        if b.language == "yaml"
    ]
    (step,) = [step for step in shown["jobs"]["build"]["steps"] if "run" in step]
    assert isinstance(step, dict)
    return step


def pushed(event: Event, folder: Path) -> list[str]:
    """The tags under which the image of an event comes into the registry."""
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    known = {
        "github.event.repository.default_branch": event.payload["repository"]["default_branch"],
        "vars.REGISTRY": REGISTRY,
    }
    step = push_step()
    inputs = {
        name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)
        for name, value in step["env"].items()
    }
    runner = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_REF": event.ref,
        "GITHUB_SHA": event.sha,
    }
    subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={**runner, **inputs},
        cwd=folder,
        check=True,
        timeout=30,
    )
    arguments = (folder / "arguments").read_text(encoding="utf-8").splitlines()
    assert arguments[:3] == ["buildx", "build", "--push"]
    assert arguments[-1] == "."
    assert arguments[3:-1:2] == ["--tag"] * len(arguments[4:-1:2])
    names = [name.rpartition(":") for name in arguments[4:-1:2]]
    assert {registry for registry, _, _ in names} == {REGISTRY}
    assert all(is_tag(tag) for _, _, tag in names), (
        "docker refuses the others, and the build with them"
    )
    return [tag for _, _, tag in names]


def default_branch(name: str, event: Event) -> Event:
    return replace(
        event,
        payload={
            **event.payload,
            "repository": {**event.payload["repository"], "default_branch": name},
        },
    )


@pytest.mark.parametrize(
    ("ref", "tag"),
    [
        ("refs/heads/app-test", "app-test"),
        ("refs/heads/integration/app-test", "app-test"),
        ("refs/heads/Release-3.1.0", "Release-3.1.0"),
        ("refs/heads/TT-1234_fix-login", "TT-1234_fix-login"),
    ],
)
def test_a_branch_is_found_by_an_environment_to_which_it_has_not_reported(
    ref: str, tag: str, tmp_path: Path
) -> None:
    tags = pushed(push(ref), tmp_path)
    assert tags == [HEAD, tag]
    registry = Registry()
    for each in tags:
        registry.images.push(OTHER, each)
    _, environment = registry.report(ref=ref)
    assert environment.versions[OTHER] == RepositoryVersion(tag, Source.BRANCH)


@pytest.mark.parametrize("branch", ["master", "main", "trunk"])
def test_the_default_branch_is_what_every_environment_takes_without_a_report(
    branch: str, tmp_path: Path
) -> None:
    tags = pushed(default_branch(branch, push(f"refs/heads/{branch}")), tmp_path)
    registry = Registry()
    _, environment = registry.report(ref="refs/heads/app-test")
    chosen = environment.versions[OTHER]
    assert chosen.source is Source.DEFAULT
    assert tags == [HEAD, chosen.version]


def test_the_pages_default_tag_is_that_of_the_shipped_catalogue() -> None:
    shipped = catalogue_file.load_catalogue(None, None)
    assert {shipped.default_tag(repository) for repository in shipped.repositories} == {
        push_step()["env"]["DEFAULT_TAG"]
    }


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/feature/master",  # the tag of the default branch is not its own
        "refs/heads/fix/✓done",
        "refs/heads/a+b",
        "refs/heads/-start",
        "refs/heads/app%2Ftest",
        f"refs/heads/{'long' * 40}",
        'refs/heads/"; touch pwned; "',
        "refs/heads/$(touch pwned)",
    ],
)
def test_another_branch_is_pushed_by_its_commit_alone(ref: str, tmp_path: Path) -> None:
    assert pushed(push(ref), tmp_path) == [HEAD]
    assert not (tmp_path / "pwned").exists()


def test_a_branch_that_is_called_like_the_default_tag_does_not_move_it(tmp_path: Path) -> None:
    assert pushed(default_branch("main", push("refs/heads/master")), tmp_path) == [HEAD]
