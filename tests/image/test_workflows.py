"""Workflows, actions and the compose file: checked by schemas, a security linter and our own rules.

A rule is a function that yields the faults of a workflow, so tests can show that it finds some.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image.dockerfile import ROOT, read
from tests.image.workflows import WORKFLOWS, load, steps

BIN = Path(sys.executable).parent
FILES = sorted(WORKFLOWS.glob("*.y*ml"))
ACTIONS = sorted([*ROOT.glob(".github/actions/*/action.y*ml"), *ROOT.glob("hooks/*/action.y*ml")])
COMPOSE = ROOT / "compose.yaml"

Tree = Mapping[str, Any]
Rule = Callable[[Tree], Iterator[str]]

_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def unpinned(tree: Tree) -> Iterator[str]:
    """Yield third-party actions that are not pinned to a commit."""
    called = [step["uses"] for step in steps(dict(tree)) if "uses" in step]
    called += [job["uses"] for job in tree.get("jobs", {}).values() if "uses" in job]
    yield from (use for use in called if not use.startswith("./") and not _PINNED.fullmatch(use))


def injected(tree: Tree) -> Iterator[str]:
    """Yield shell scripts with values from GitHub: the name of a branch could change the script."""
    yield from (step["run"] for step in steps(dict(tree)) if "${{" in step.get("run", ""))


def unlimited(tree: Tree) -> Iterator[str]:
    """Yield jobs without a timeout (GitHub's is six hours) and jobs without permissions."""
    for name, job in tree.get("jobs", {}).items():
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"{name} has no timeout"
        if "permissions" not in job or job["permissions"] in ("write-all", "read-all"):
            yield f"{name} does not list its rights"
    if "jobs" in tree and tree.get("permissions") != {}:
        yield "a job without rights of its own would have some"


def careless(tree: Tree) -> Iterator[str]:
    """Yield checkouts that keep the token, triggers that run a fork's code, and moving runners."""
    for step in steps(dict(tree)):
        if (
            step.get("uses", "").startswith("actions/checkout@")
            and step.get("with", {}).get("persist-credentials") is not False
        ):
            yield "a checkout keeps the token"
    if "pull_request_target" in (tree.get("on") or {}):
        yield "pull_request_target"
    yield from (
        name
        for name, job in tree.get("jobs", {}).items()
        if str(job.get("runs-on", "")).endswith("-latest")
    )


RULES: tuple[Rule, ...] = (unpinned, injected, unlimited, careless)


@pytest.mark.parametrize("path", [*FILES, *ACTIONS], ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_workflow_keeps_the_rules(path: Path, rule: Rule) -> None:
    assert list(rule(load(path))) == []


@pytest.mark.parametrize("path", [*FILES, *ACTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pin_says_which_release_it_is(path: Path) -> None:
    pins = re.findall(r"uses: (\S+@\S+)(.*)", path.read_text(encoding="utf-8"))
    assert [use for use, comment in pins if not re.fullmatch(r" # v\d+\.\d+\.\d+", comment)] == []


def test_a_release_has_one_commit_everywhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [*FILES, *ACTIONS])
    pins = set(re.findall(r"uses: ([^@\s]+)@(\S+) # (\S+)", text))
    assert len(pins) == len({name for name, *_ in pins})


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("github-workflows", FILES), ("github-actions", ACTIONS), ("compose-spec", [COMPOSE])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_is_what_its_official_schema_says(schema: str, paths: list[Path]) -> None:
    if paths:
        done = _run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths))
        assert done.returncode == 0, done.stdout


def test_the_linter_for_attacks_finds_none() -> None:
    done = _run(
        "zizmor",
        "--offline",
        "--strict-collection",
        "--quiet",
        "--no-progress",
        str(ROOT / ".github"),
        *map(str, ACTIONS),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_for_attacks_would_find_one(tmp_path: Path) -> None:
    text = (
        (WORKFLOWS / "ci.yml")
        .read_text(encoding="utf-8")
        .replace("make test PYTHON=python", "echo ${{ github.head_ref }}")
    )
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "ci.yml").write_text(text)
    done = _run(
        "zizmor", "--offline", "--strict-collection", "--no-progress", str(tmp_path / ".github")
    )
    assert "template-injection" in done.stdout


_GOOD = """
permissions: {}
jobs:
  a:
    runs-on: ubuntu-24.04
    timeout-minutes: 1
    permissions: {contents: read}
    steps: [{run: "echo $A"}]
"""


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (unpinned, ('run: "echo $A"', "uses: actions/checkout@v6")),
        (unpinned, ('run: "echo $A"', "uses: actions/checkout@8e8c483")),
        (injected, ("echo $A", "echo ${{ github.ref }}")),
        (unlimited, ("    timeout-minutes: 1\n", "")),
        (unlimited, ("    permissions: {contents: read}\n", "")),
        (unlimited, ("{contents: read}", "write-all")),
        (unlimited, ("\npermissions: {}\n", "")),
        (careless, ("24.04", "latest")),
        (careless, ('run: "echo $A"', "uses: actions/checkout@v6")),
        (careless, ("\npermissions", "\non: {pull_request_target: {}}\npermissions")),
    ],
)
def test_each_rule_finds_what_it_is_for(rule: Rule, change: tuple[str, str]) -> None:
    assert change[0] in _GOOD
    assert list(rule(_tree(_GOOD))) == []
    assert list(rule(_tree(_GOOD.replace(*change)))) != []


def test_ci_runs_what_developers_run_on_every_supported_python() -> None:
    job = load(WORKFLOWS / "ci.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test PYTHON=python"]


def test_every_night_ci_runs_what_is_long_with_the_terraform_and_provider_of_the_image() -> None:
    workflow = load(WORKFLOWS / "ci.yml")
    assert [set(when) for when in workflow["on"]["schedule"]] == [{"cron"}]
    job = workflow["jobs"]["long"]
    assert (
        job["if"] == "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"
    )
    take, programs, witnesses, test = [step["run"] for step in job["steps"] if "run" in step]
    assert "npm ci --prefix requirements/dynalite --ignore-scripts" in witnesses
    assert "install --quiet --require-hashes --only-binary=:all: -r requirements/ministack.txt" in (
        witnesses
    )
    assert witnesses.count('>> "$GITHUB_PATH"') == 2
    assert test == "make test-all PYTHON=python"
    assert re.search(r"apt-get install .*redis-server.* nginx", programs)
    stage = read().stages["terraform"]
    folders = {words[-1] for run in stage.all("RUN") if "--to" in (words := run.words)}
    assert folders == {"/opt/terraform/bin", "/opt/terraform/mirror"}
    assert "--target terraform" in take
    assert re.search(r':/opt/terraform" "\$RUNNER_TEMP/terraform"$', take, re.MULTILINE)
    assert 'echo "$RUNNER_TEMP/terraform/bin" >> "$GITHUB_PATH"' in take
    assert 'echo "GROMIT_TEST_MIRROR=$RUNNER_TEMP/terraform/mirror" >> "$GITHUB_ENV"' in take
    assert "github.event_name" in workflow["concurrency"]["group"], (
        "a change at night does not end it"
    )


def test_every_night_ci_runs_all_suites() -> None:
    jobs = load(WORKFLOWS / "ci.yml")["jobs"]
    runs = {
        name: [step["run"] for step in jobs[name]["steps"] if "run" in step]
        for name in ("long", "prove")
    }
    assert runs["prove"] == [runs["long"][0], "make prove PYTHON=python"]
    assert jobs["prove"]["if"] == jobs["long"]["if"]


def test_a_release_is_published_only_after_all_tests_and_signed() -> None:
    jobs = load(WORKFLOWS / "release.yml")["jobs"]
    assert (jobs["test"]["uses"], jobs["build"]["needs"], jobs["image"]["needs"]) == (
        "./.github/workflows/ci.yml",
        "test",
        "test",
    )
    assert jobs["publish"]["needs"] == "build"
    for name, command in (("publish", "cosign sign-blob"), ("image", "cosign sign ")):
        assert [step for step in jobs[name]["steps"] if command in step.get("run", "")]
        assert [
            step
            for step in jobs[name]["steps"]
            if "attest-build-provenance" in step.get("uses", "")
        ]
        assert jobs[name]["permissions"]["id-token"] == "write"
    assert jobs["build"]["permissions"] == {"contents": "read"}, (
        "what runs code of others may write nothing"
    )


def test_a_release_builds_on_the_digest_of_the_base_image_and_notes_it(tmp_path: Path) -> None:
    steps_of = load(WORKFLOWS / "release.yml")["jobs"]["image"]["steps"]
    (find,) = [step for step in steps_of if step.get("id") == "base"]
    (build,) = [step for step in steps_of if step.get("id") == "build"]
    assert build["with"]["build-args"] == "PYTHON=${{ steps.base.outputs.python }}"
    assert build["with"]["labels"].endswith("python:${{ steps.base.outputs.python }}")
    done = _find_base(find["run"], tmp_path, f"sha256:{'1f' * 32}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text() == f"python=3.13-slim@sha256:{'1f' * 32}\n"
    assert (tmp_path / "words").read_text().split()[-1] == "python:3.13-slim"
    assert "python:3.13-slim@sha256:1f1f" in (tmp_path / "summary").read_text()
    assert _find_base(find["run"], tmp_path, "sha256:cut").returncode != 0


def _find_base(script: str, folder: Path, digest: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a docker that knows one digest."""
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >"{folder}/words"\necho {digest}\n')
    docker.chmod(0o755)
    outputs = {"GITHUB_OUTPUT": f"{folder}/output", "GITHUB_STEP_SUMMARY": f"{folder}/summary"}
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=ROOT,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **outputs},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_images_that_workflows_and_compose_build_are_stages_of_the_dockerfile() -> None:
    stages = read().stages
    targets = [
        step["with"]["target"]
        for path in FILES
        for step in steps(load(path))
        if "target" in step.get("with", {})
    ]
    matrix = load(WORKFLOWS / "ci.yml")["jobs"]["image"]["strategy"]["matrix"]["target"]
    assert set(matrix) | {target for target in targets if "{{" not in target} <= set(stages)
    assert load(COMPOSE)["services"]["cloud"]["build"]["target"] in stages


def test_the_local_cloud_keeps_its_state_and_is_reached_from_the_machine() -> None:
    service = load(COMPOSE)["services"]["cloud"]
    (kept,) = service["volumes"]
    command = read().stages["local"].all("CMD")[-1].words
    assert command[-1].startswith(kept.partition(":")[2] + "/")
    assert (service["network_mode"], service["cap_drop"]) == ("host", ["ALL"])
    assert "ports" not in service, "nothing is forwarded where the network is the machine's own"


def _tree(text: str) -> dict[str, Any]:
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
