"""Judgement of the secrets of environments."""

import pytest

from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.secrets import judge_secrets
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.programs import Program, ProgramSecret
from gromit.core.stack.secrets import (
    MISSING_SECRET,
    NamedSecret,
    SecretOrigin,
    SecretState,
    SecretStatus,
)

API = NamedSecret(name="api", made=SecretOrigin.RANDOM)
SET = SecretState(SecretStatus.SET, "arn", "1")
PROGRAM = Program(
    name="gateway",
    secrets=(
        ProgramSecret(
            variable="NODE", group="node", made=SecretOrigin.RANDOM, without="it exits at once"
        ),
    ),
)


def _catalogue(program: str | None = None) -> Catalogue:
    tyk = Component(name="tyk", image="tyk:1", program=program, secrets={"KEY": "api"})
    broker = Component(name="broker", image="broker:1", secrets={"API": "api"})
    return Catalogue(
        {"tyk": tyk, "broker": broker}, secrets={"api": API}, programs={"gateway": PROGRAM}
    )


@pytest.mark.parametrize(
    ("environments", "affected"),
    [
        (1, "; 1 environment needs it, for"),
        (12, "; 12 environments need it, for"),
        (None, "; every environment needs it, for"),
    ],
)
def test_a_missing_secret_is_one_finding_with_its_users_and_the_affected_environments(
    environments: int | None, affected: str
) -> None:
    (finding,) = judge_secrets(_catalogue(), {"api": MISSING_SECRET}, environments)
    assert (finding.state, finding.subject) == (FindingStatus.WRONG, "api")
    assert f"secret {API.path} does not exist" in finding.observed
    assert "broker (API), tyk (KEY)" in finding.observed
    assert affected in finding.observed
    assert "gromit secrets make" in finding.remedy


def test_a_required_secret_without_a_source_is_a_finding_of_its_own() -> None:
    (finding,) = judge_secrets(_catalogue("gateway"), {"api": SET}, 3)
    assert (finding.state, finding.subject) == (FindingStatus.WRONG, "tyk NODE")
    assert "it exits at once" in finding.observed


def test_secrets_with_values_are_ok_and_an_unknown_one_is_named() -> None:
    (finding,) = judge_secrets(_catalogue(), {"api": SET}, 3)
    assert (finding.state, finding.observed) == (FindingStatus.OK, "have a value: api")
    (finding,) = judge_secrets(_catalogue(), {"api": SecretState(SecretStatus.UNKNOWN)}, 3)
    assert (finding.state, "unknown: api;" in finding.observed) == (FindingStatus.OK, True)


def test_a_catalogue_without_secrets_is_skipped() -> None:
    (finding,) = judge_secrets(Catalogue({}), {}, 3)
    assert finding.state is FindingStatus.SKIPPED
