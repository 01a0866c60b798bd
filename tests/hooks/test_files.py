"""The action and the workflow as files: no value of an event in a command, least permissions."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.markdown import ROOT, blocks, read
from tests.hooks.workflow import ACTION, action

CALLED = ROOT / ".github" / "workflows" / "notify-gromit.yml"
SCRIPTS = sorted(ACTION.rglob("*.py"))
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")


def _called() -> Any:
    read = yaml.safe_load(CALLED.read_text(encoding="utf-8"))
    return {**read, "on": read[True]}  # YAML 1.1 takes the word for a truth


def _commands(node: Any) -> Iterator[str]:
    """Everything that a shell is given."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "run")
        for value in node.values():
            yield from _commands(value)
    elif isinstance(node, list):
        for value in node:
            yield from _commands(value)


def test_no_expression_ever_comes_into_a_command() -> None:
    commands = [*_commands(action()), *_commands(_called())]
    assert commands == ['python3 -I "$GITHUB_ACTION_PATH/notify.py"']
    assert not any(_EXPRESSION.search(command) for command in commands)


def test_nothing_is_taken_from_the_event_by_an_expression() -> None:
    for path in (ACTION / "action.yml", CALLED):
        found = set(_EXPRESSION.findall(path.read_text(encoding="utf-8")))
        # The job's own token is no part of an event. It reads the branches for a sweep.
        used = {expression.split(".")[0] for expression in found - {"github.token"}}
        assert used <= {"inputs", "secrets", "steps", "jobs"}, path


def test_every_input_of_the_action_reaches_the_script_and_every_output_comes_from_it() -> None:
    described = action()
    (step,) = described["runs"]["steps"]
    assert step["env"] == {
        f"NOTIFY_{name.upper()}": f"${{{{ inputs.{name} }}}}" for name in described["inputs"]
    }
    scripts = [path.read_text(encoding="utf-8") for path in SCRIPTS]
    read = {name for script in scripts for name in re.findall(r"NOTIFY_[A-Z]+", script)}
    assert read == set(step["env"])
    written = {
        keyword.arg
        for script in scripts
        for node in ast.walk(ast.parse(script))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "put_out"
        for keyword in node.keywords
    }
    assert set(described["outputs"]) == written
    assert {o["value"] for o in described["outputs"].values()} == {
        f"${{{{ steps.{step['id']}.outputs.{n} }}}}" for n in written
    }


def test_the_workflow_hands_everything_on_and_has_no_more_rights_than_it_needs() -> None:
    called, described = _called(), action()
    assert called["permissions"] == {}
    (job,) = called["jobs"].values()
    assert job["permissions"] == {
        "contents": "read",
        "deployments": "write",
        "id-token": "write",
        "pull-requests": "write",
    }
    checkout, notify = job["steps"]
    assert _PINNED.fullmatch(checkout["uses"])
    assert checkout["with"]["persist-credentials"] is False
    assert notify["uses"] == f"./{checkout['with']['path']}/{ACTION.relative_to(ROOT)}"
    call = called["on"]["workflow_call"]
    assert set(notify["with"]) <= set(described["inputs"])
    given = {*call["inputs"], *call["secrets"]}
    used = {
        name
        for text in [*checkout["with"].values(), *notify["with"].values()]
        for name in _names(str(text))
    }
    assert used == given
    assert set(call["outputs"]) == set(described["outputs"]) == set(job["outputs"])


def _names(text: str) -> list[str]:
    return [expression.split(".")[1] for expression in _EXPRESSION.findall(text)]


def test_the_workflow_of_the_how_to_uses_the_action_as_it_is() -> None:
    page = read("how-to/report-builds-from-ci.md")
    (shown,) = [yaml.safe_load(block.text) for block in blocks(page) if block.language == "yaml"]
    assert shown["permissions"] == {}
    assert not any(_EXPRESSION.search(command) for command in _commands(shown))
    known = set(re.findall(r"\| `([A-Z_]+)` \| output", page))
    for job in shown["jobs"].values():
        step = job["steps"][-1]
        assert step["uses"].startswith(f"OWNER/gromit/{ACTION.relative_to(ROOT)}@")
        assert {name for name, entry in action()["inputs"].items() if entry["required"]} <= set(
            step["with"]
        )
        assert set(step["with"]) <= set(action()["inputs"])
        assert job["permissions"]["id-token"] == "write"
    assert set(re.findall(r"vars\.([A-Z_]+)", page)) == known


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_needs_nothing_that_a_runner_has_not(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names | {"gromit_action"}


def test_outside_of_a_workflow_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(ACTION / "notify.py")],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "there is no event of GitHub Actions" in done.stdout
