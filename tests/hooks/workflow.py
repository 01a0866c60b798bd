"""Runs the composite action as GitHub's runner does: its step, in a shell, with an event."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import notify
from tests.commands import run_hook
from tests.docs.markdown import ROOT
from tests.fakes.issuer import OWNER, Issuer, claims_of
from tests.hooks.events import Event
from tests.hooks.github import JOB_TOKEN

if TYPE_CHECKING:
    import pytest

ACTION = ROOT / "hooks" / "notify-gromit"
_OWN_TOKEN = "${{ github.token }}"
_TIMEOUT_S = 120
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


@dataclass(frozen=True, slots=True)
class Done:
    """Result of a step."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str = ""
    """Markdown of the job's summary."""


@dataclass(slots=True)
class Workflow:
    """A workflow whose one step is the action."""

    folder: Path
    inputs: dict[str, str]
    issuer: Issuer | None = None
    """Issuer of OIDC tokens for its jobs; None: they have no permission."""
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, event: Event, **claims: Any) -> Done:
        """One job; whatever comes of it, no token is in its log.

        Its script runs in a fork that has the environment of the step, without shell and start.
        """
        (step,) = action()["runs"]["steps"]
        settings = self._settings(event, claims) | _inputs(step, self.inputs)
        return self._ended(run_hook(settings, self.folder, _TIMEOUT_S))

    def run_step(self, event: Event, **claims: Any) -> Done:
        """One job as a runner does it, with a shell and a new Python: three times as expensive."""
        settings = self._settings(event, claims)
        return self._ended(_step(settings, self.inputs, self.folder))

    def _ended(self, done: "subprocess.CompletedProcess[str]") -> Done:
        assert "Traceback" not in done.stderr
        return self._done(done.returncode, done.stdout, done.stderr)

    def run_here(self, event: Event, log: "pytest.CaptureFixture[str]", **claims: Any) -> Done:
        """One job without a process of its own, which takes a tenth of the time."""
        settings = self._settings(event, claims)
        (step,) = action()["runs"]["steps"]
        code = notify.main({**settings, **_inputs(step, self.inputs)})
        printed = log.readouterr()
        return self._done(code, printed.out, printed.err)

    def _done(self, code: int, log: str, errors: str) -> Done:
        secrets = {
            self.inputs.get("token"),
            self.issuer.secret if self.issuer else None,
            "eyJ",
            JOB_TOKEN,
        } - {None, ""}
        summary = (self.folder / "summary").read_text(encoding="utf-8")
        assert [s for s in secrets if str(s) in log + errors + summary] == []
        lines = (self.folder / "output").read_text().splitlines()
        return Done(code, log, dict(line.split("=", 1) for line in lines), summary)

    def _settings(self, event: Event, claims: Mapping[str, Any]) -> dict[str, str]:
        path, out = self.folder / "event.json", self.folder / "output"
        summary = self.folder / "summary"
        path.write_text(json.dumps(event.payload), encoding="utf-8")
        out.write_text("")
        summary.write_text("")
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_OUTPUT": str(out),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": f"{OWNER}/{event.repository}",
            "GITHUB_REF": event.ref,
            "GITHUB_SHA": event.sha,
            **self._identity(event, claims),
            **self.variables,
        }

    def _identity(self, event: Event, claims: Mapping[str, Any]) -> Mapping[str, str]:
        if self.issuer is None:
            return {}
        own = {"ref": event.ref, "sha": event.sha, **self._run(), **event.claims, **claims}
        self.issuer.job = claims_of(event.name, event.repository, now=time.time(), **own)
        asked = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer.url}/token?api-version=2.0"}
        return {**asked, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.issuer.secret}

    def _run(self) -> Mapping[str, str]:
        """The claims about the run, if the runner has numbers for it."""
        names = {"run_id": "GITHUB_RUN_ID", "run_attempt": "GITHUB_RUN_ATTEMPT"}
        known = {c: self.variables[v] for c, v in names.items() if self.variables.get(v)}
        return known if len(known) == len(names) else {}


def action() -> Mapping[str, Any]:
    """The action's own description of itself."""
    read: Mapping[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    return read


def _step(
    variables: Mapping[str, str], inputs: Mapping[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    (step,) = action()["runs"]["steps"]
    return subprocess.run(
        [step["shell"], "-e", "-c", step["run"]],
        env={**variables, **_inputs(step, inputs)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def _inputs(step: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """The variables of the step, made of inputs and their defaults."""
    known = action()["inputs"]
    assert set(inputs) <= set(known)
    given = {
        name: inputs.get(name, entry.get("default", "").replace(_OWN_TOKEN, JOB_TOKEN))
        for name, entry in known.items()
    }
    return {
        name: _INPUT.sub(lambda found: given[found[1]], value)
        for name, value in step["env"].items()
    }
