"""One environment fails: others still run, people see the reason, and can retry at once."""

from collections.abc import Callable

import pytest

from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@pytest.fixture
def patient(install: Callable[..., Stage]) -> Stage:
    """An installation that does not retry before the test is over."""
    stage = install(GROMIT_SOW_RETRY="1h")
    stage.serve()
    return stage


def test_a_missing_image_is_named_and_delays_no_other(patient: Stage) -> None:
    bad, good = patient.env("bad"), patient.env("good")
    patient.report("alpha", bad, "nowhere")
    assert patient.work("sow", code=1).endings == {bad: "failed"}, "all that there was has failed"
    assert patient.work("sow").json == [], "it is not due"
    build = patient.build("alpha", good)
    patient.report("alpha", bad, "nowhere-either")
    passed = patient.work("sow", code=4)
    assert passed.endings == {bad: "failed", good: "done"}
    assert patient.running("alpha", good) == build.sha
    error = patient.look(bad)["error"]["message"]
    assert "alpha:nowhere-either" in error
    assert "alpha:nowhere-either" in patient.gromit("env", "get", bad).out
    assert (
        patient.services(bad),
        patient.state(bad),
        patient.lock(bad),
        patient.config_folder(bad),
    ) == ([], None, None, False)

    waited = patient.gromit("env", "wait", bad, "--timeout", "1s", code=1)
    assert "alpha:nowhere-either" in waited.err
    patient.gromit("env", "wait", good, "--no-dns")
    patient.gromit("env", "wait", patient.env("never"), "--for", "gone")


def test_a_task_that_does_not_start_fails_its_environment_with_its_own_words_until_it_does(
    patient: Stage,
) -> None:
    name = patient.env("app")
    build = patient.build("alpha", name)
    sow = patient.start("sow", patient.root)
    sow.until_made(name)  # its image was found before; now it is deleted
    patient.client("ecr").batch_delete_image(
        repositoryName="alpha", imageIds=[{"imageDigest": build.digest}]
    )
    sow.ended(1)
    error = patient.look(name)["error"]
    assert error["kind"] == "rollout"
    assert "alpha: CannotPullContainerError" in error["message"]
    assert build.digest in error["message"]
    assert patient.phase(name) == "failed"
    assert patient.resolve(f"alpha.{name}.internal") == []

    assert patient.work("sow").json == [], "it is not due"
    patient.push("alpha", name, build.sha)
    patient.report("alpha", name, build.sha)
    assert patient.history(name)[-1][0] == "retry"
    assert patient.work("sow").endings == {name: "done"}
    assert patient.running("alpha", name) == build.sha
    patient.gromit("env", "wait", name, "--timeout", "120s", "--no-dns")
