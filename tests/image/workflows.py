"""Workflows and actions as values."""

from pathlib import Path
from typing import Any

import yaml

from tests.image.dockerfile import ROOT

WORKFLOWS = ROOT / ".github/workflows"


def load(path: Path) -> dict[str, Any]:
    """Return a workflow or an action. YAML 1.1 parses its key `on` as `True`; here it is `on`."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(tree, dict), path
    return {"on" if key is True else str(key): value for key, value in tree.items()}


def steps(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Yield all steps of a workflow's jobs, or of a composite action."""
    jobs = [*tree.get("jobs", {}).values(), tree.get("runs", {})]
    return [step for job in jobs for step in job.get("steps", [])]
