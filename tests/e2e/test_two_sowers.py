"""Two workers at once on the same work."""

from collections import Counter

import pytest

from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def test_two_sows_on_ten_environments_apply_each_once_and_all_answer(stage: Stage) -> None:
    builds = {b.environment: b for b in (stage.build("alpha", stage.env(f"app{n}")) for n in range(10))}
    sows = [stage.start("sow", stage.root, GROMIT_SOW_PARALLEL="5") for _ in range(2)]
    for sow in sows:
        sow.ended(0, seconds=150)
    applied = [Counter(e["env"] for e in sow.events("terraform.ended", action="apply")) for sow in sows]
    assert applied[0] + applied[1] == Counter(dict.fromkeys(builds, 1))
    assert all(applied), "both have worked"
    assert [e for sow in sows for e in sow.events("lock.judged")] == [], "no claim was given to both"
    stage.work("chitragupta")
    for name, build in builds.items():
        assert (stage.phase(name), stage.lock(name)) == ("ready", None)
        assert [kind for kind, _ in stage.history(name)] == ["created", "sown"]
        assert stage.running("alpha", name, public=True) == build.sha
