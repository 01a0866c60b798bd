"""Two workers on the same work at once."""

from collections import Counter

import pytest

from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def test_two_sows_on_ten_environments_apply_each_once_and_all_answer_and_stay_when_one_changes(
    stage: Stage,
) -> None:
    builds = {
        b.environment: b for b in (stage.build("alpha", stage.env(f"app{n}")) for n in range(10))
    }
    sows = [stage.start("sow", stage.root, GROMIT_SOW_PARALLEL="5") for _ in range(2)]
    for sow in sows:
        sow.ended(0, seconds=150)
    applied = [
        Counter(e["env"] for e in sow.events("terraform.ended", action="apply")) for sow in sows
    ]
    assert applied[0] + applied[1] == Counter(dict.fromkeys(builds, 1))
    assert all(applied), "both have worked"
    assert [e for sow in sows for e in sow.events("lock.judged")] == [], (
        "no claim was given to both"
    )
    stage.work("chitragupta")
    for name, build in builds.items():
        assert (stage.phase(name), stage.lock(name)) == ("ready", None)
        assert [kind for kind, _ in stage.history(name)] == ["created", "sown"]
        assert stage.running("alpha", name, public=True) == build.sha
    before = {name: tasks(stage, name) for name in builds}
    changed = min(builds)
    newer = stage.build("alpha", changed)
    assert stage.work("sow").endings == {changed: "done"}
    stage.work("chitragupta")
    after = {name: tasks(stage, name) for name in builds}
    assert stage.running("alpha", changed, public=True) == newer.sha != builds[changed].sha
    assert after.pop(changed)["alpha"] != before.pop(changed)["alpha"]
    assert after == before, "the others are in the same VPC and namespace, and keep their tasks"


def tasks(stage: Stage, environment: str) -> dict[str, str]:
    """Return the task that answers for each component at its internal name."""
    public = {"alpha": stage.ask("alpha", environment, public=True)["task"]}
    inside = {
        component: stage.ask(component, environment)["task"] for component in ("alpha", "beta")
    }
    assert inside["alpha"] == public["alpha"], "inside and outside it is one task"
    return inside
