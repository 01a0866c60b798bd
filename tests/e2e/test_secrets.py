"""Secrets of components: refused before the apply while one has no value, and seen nowhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ground import CATALOGUE
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

SECRETS = str(CATALOGUE.with_name("secrets.yaml"))
SHARED, PAPER = "gromit/environments/e2e-common-key", "gromit/environments/e2e-paper"
LICENCE = "never-shown-anywhere"


@pytest.fixture
def stage(install: Callable[..., Stage]) -> Iterator[Stage]:
    """An installation whose two secrets do not exist, and that does not retry by itself."""
    made = install(GROMIT_CATALOGUE=SECRETS, GROMIT_SOW_RETRY="1h")
    made.serve()
    yield made
    for name in (SHARED, PAPER):
        made.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def _refusal(stage: Stage, name: str) -> str:
    """Sow an environment, which is refused, and return the reason that people see."""
    stage.gromit("env", "retry", name)
    assert stage.work("sow", code=1).endings == {name: "failed"}
    assert (stage.services(name), stage.state(name), stage.config_folder(name)) == ([], None, False)
    assert "gromit secrets make" in str(stage.look(name)["error"])
    return str(stage.look(name)["error"]["message"])


def _definitions(stage: Stage, name: str) -> dict[str, Any]:
    """Return the container of each component, as its service runs it."""
    ecs = stage.client("ecs")
    arns = [
        service["taskDefinition"]
        for service in ecs.describe_services(cluster=name, services=stage.services(name))[
            "services"
        ]
    ]
    found = [ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"] for arn in arns]
    return {d["containerDefinitions"][0]["name"]: d["containerDefinitions"][0] for d in found}


def test_a_change_is_refused_until_every_secret_has_a_value(stage: Stage, tmp_path: Path) -> None:
    name, client = stage.env("app"), stage.client("secretsmanager")
    stage.build("alpha", name)
    stage.work("sow", code=1)
    refusal = _refusal(stage, name)
    assert f"alpha: SHARED: secret {SHARED} does not exist" in refusal
    assert f"beta: SHARED: secret {SHARED} does not exist" in refusal
    assert f"alpha: PAPER: secret {PAPER} does not exist" in refusal
    client.create_secret(Name=PAPER)
    assert "no value was given" in stage.gromit("secrets", "make", code=4).out
    refusal = _refusal(stage, name)
    assert f"alpha: PAPER: secret {PAPER} has no value" in refusal
    assert SHARED not in refusal

    (tmp_path / "licence").write_text(LICENCE)
    stage.gromit("secrets", "make", "--from", f"e2e-paper={tmp_path / 'licence'}")
    shared = client.get_secret_value(SecretId=SHARED)["SecretString"]
    stage.gromit("env", "retry", name)
    sown = stage.work("sow")
    assert sown.endings == {name: "done"}
    made = _definitions(stage, name)
    sources = {s["name"]: s["valueFrom"] for s in made["alpha"]["secrets"]}
    assert SHARED in sources["SHARED"]
    assert made["beta"]["secrets"] == [{"name": "SHARED", "valueFrom": sources["SHARED"]}]

    # A change of one component brings a changed secret to all that use it.
    stage.gromit("secrets", "replace", "e2e-common-key")
    stage.build("alpha", name)
    again = stage.work("sow")
    labels = {c: d["dockerLabels"]["gromit.secrets"] for c, d in made.items()}
    changed = _definitions(stage, name)
    assert {c for c in made if changed[c]["dockerLabels"]["gromit.secrets"] == labels[c]} == set()

    row = stage.client("dynamodb").get_item(
        TableName=stage.name, Key={"name": {"S": name}}, ConsistentRead=True
    )
    seen = [json.dumps(stage.state(name)), str(row), sown.err, again.err, str(stage.look(name))]
    assert not [text for text in seen if LICENCE in text or shared in text]


def test_a_secret_that_is_scheduled_for_deletion_is_refused_and_running_tasks_go_on(
    stage: Stage,
) -> None:
    name, client = stage.env("app"), stage.client("secretsmanager")
    for secret in (SHARED, PAPER):
        client.create_secret(Name=secret, SecretString="x")
    first = stage.build("alpha", name)
    assert stage.work("sow").endings == {name: "done"}
    client.delete_secret(SecretId=PAPER)
    stage.build("alpha", name)
    assert stage.work("sow", code=1).endings == {name: "failed"}
    error = stage.look(name)["error"]
    assert f"secret {PAPER} is scheduled for deletion" in error["message"]
    assert "restore-secret" in str(error)
    assert stage.running("alpha", name) == first.sha
    client.restore_secret(SecretId=PAPER)
    stage.gromit("env", "retry", name)
    assert stage.work("sow").endings == {name: "done"}


def test_a_program_without_a_secret_that_it_requires_is_never_started(
    install: Callable[..., Stage], tmp_path: Path
) -> None:
    text = "components: [{name: alpha, repository: alpha, program: tyk-gateway, port: 8181}]"
    (tmp_path / "mine.yaml").write_text(text)
    stage = install(GROMIT_CATALOGUE=str(tmp_path / "mine.yaml"), GROMIT_SOW_RETRY="1h")
    stage.serve()
    name = stage.build("alpha", stage.env("app")).environment
    assert stage.work("sow", code=1).endings == {name: "failed"}
    message = stage.look(name)["error"]["message"]
    assert "alpha: TYK_GW_SECRET: the catalogue gives it no secret" in message
    assert "obeys everybody" in message
    assert (stage.services(name), stage.state(name)) == ([], None)
