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
from typing import Any

import yaml

from tests.docs.markdown import ROOT
from tests.fakes.issuer import OWNER, Issuer, claims_of
from tests.hooks.events import Event
from tests.hooks.github import JOB_TOKEN

ACTION = ROOT / "hooks" / "notify-gromit"
_OWN_TOKEN = "${{ github.token }}"
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


@dataclass(frozen=True, slots=True)
class Done:
    """Result of a step."""

    code: int
    log: str
    outputs: Mapping[str, str]


@dataclass(slots=True)
class Workflow:
    """A workflow whose one step is the action."""

    folder: Path
    inputs: dict[str, str]
    issuer: Issuer | None = None
    """Issuer of OIDC tokens for its jobs; None: they have no permission."""
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, event: Event, **claims: Any) -> Done:
        """One job; whatever comes of it, no token is in its log."""
        path, out = self.folder / "event.json", self.folder / "output"
        path.write_text(json.dumps(event.payload), encoding="utf-8")
        out.write_text("")
        settings = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_OUTPUT": str(out),
            "GITHUB_REPOSITORY": f"{OWNER}/{event.repository}",
            "GITHUB_REF": event.ref,
            "GITHUB_SHA": event.sha,
            **self._identity(event, claims),
            **self.variables,
        }
        done = _step(settings, self.inputs, self.folder)
        secrets = {
            self.inputs.get("token"),
            self.issuer.secret if self.issuer else None,
            "eyJ",
            JOB_TOKEN,
        } - {
            None,
            "",
        }
        assert [secret for secret in secrets if str(secret) in done.stdout + done.stderr] == []
        assert "Traceback" not in done.stderr
        return Done(
            done.returncode,
            done.stdout,
            dict(line.split("=", 1) for line in out.read_text().splitlines()),
        )

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
    described = action()
    (step,) = described["runs"]["steps"]
    assert set(inputs) <= set(described["inputs"])
    given = {
        name: inputs.get(name, entry.get("default", "").replace(_OWN_TOKEN, JOB_TOKEN))
        for name, entry in described["inputs"].items()
    }
    settings = {
        name: _INPUT.sub(lambda found: given[found[1]], value)
        for name, value in step["env"].items()
    }
    return subprocess.run(
        [step["shell"], "-e", "-c", step["run"]],
        env={**variables, **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
