"""Secrets of stacks: what is refused before an apply, with reason and remedy."""

import pytest

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.programs import Program, ProgramSecret
from gromit.core.stack.secrets import NamedSecret, SecretOrigin, SecretStatus
from gromit.errors import Denied, InvalidInput
from gromit.services.stack_secrets import StackSecrets
from tests.fakes.secrets import FakeSecrets

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:own-AbCdEf"
API = NamedSecret(name="api", made=SecretOrigin.RANDOM)
OWN = NamedSecret(name="own", made=SecretOrigin.BOUGHT, arn=ARN)
GATEWAY = Program(
    name="gateway",
    secrets=(
        ProgramSecret(
            variable="API", group="api", made=SecretOrigin.RANDOM, without="it obeys everybody"
        ),
    ),
)


def _catalogue(**variables: str) -> Catalogue:
    tyk = Component(name="tyk", repository="tyk", program="gateway", secrets=variables)
    named = {secret.name: secret for secret in (API, OWN)}
    return Catalogue({"tyk": tyk}, secrets=named, programs={"gateway": GATEWAY})


def _refusal(secrets: FakeSecrets, catalogue: Catalogue) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        StackSecrets(secrets, catalogue).usable()
    return caught.value


def test_a_required_secret_without_a_source_is_refused_with_its_effect() -> None:
    refusal = _refusal(FakeSecrets(), _catalogue())
    assert "tyk: API: the catalogue gives it no secret" in refusal.message
    assert "it obeys everybody" in refusal.message
    assert refusal.hint == "name one in `secrets` of tyk in the catalogue"


def test_a_missing_an_empty_and_a_deleted_secret_are_refused_with_their_remedies() -> None:
    secrets, catalogue = FakeSecrets(), _catalogue(API="api", LICENCE="own")
    refusal = _refusal(secrets, catalogue)
    assert f"tyk: API: secret {API.path} does not exist" in refusal.message
    assert f"tyk: LICENCE: secret {ARN} does not exist" in refusal.message
    secrets.values[API.path] = []
    secrets.values[ARN] = []
    refusal = _refusal(secrets, catalogue)
    assert f"secret {API.path} has no value" in refusal.message
    secrets.write(API.path, "hunter2")
    secrets.write(ARN, "hunter2")
    secrets.deleted.add(API.path)
    refusal = _refusal(secrets, catalogue)
    assert f"secret {API.path} is scheduled for deletion" in refusal.message
    assert "restore-secret" in str(refusal.hint)
    assert "hunter2" not in f"{refusal.message} {refusal.hint}"


def test_secrets_with_values_are_known_by_the_name_that_components_use() -> None:
    secrets = FakeSecrets(API.path, ARN)
    states = StackSecrets(secrets, _catalogue(API="api", LICENCE="own", DIRECT=ARN)).usable()
    assert {name: state.status for name, state in states.items()} == dict.fromkeys(
        ("api", "own", ARN), SecretStatus.SET
    )
    assert states["own"].arn == ARN
    assert [sorted(ids) for ids in secrets.asked] == [[ARN, API.path]], "each is asked for once"


def test_a_catalogue_without_secrets_asks_nothing() -> None:
    secrets = FakeSecrets()
    secrets.problem = Denied("may not look")
    tyk = Component(name="tyk", repository="tyk")
    assert StackSecrets(secrets, Catalogue({"tyk": tyk})).usable() == {}


def test_a_plan_for_a_person_goes_on_without_a_missing_secret() -> None:
    warnings: list[str] = []
    states = StackSecrets(FakeSecrets(), _catalogue(API="api")).known(warnings.append)
    assert states["api"].arn == ""
    (warning,) = warnings
    assert f"tyk: API: secret {API.path} does not exist; its variable is left out" in warning


def test_a_plan_for_a_person_who_may_not_look_at_secrets_goes_on_without_them() -> None:
    warnings: list[str] = []
    secrets = FakeSecrets()
    secrets.problem = Denied("may not look")
    catalogue = _catalogue(API="api")
    assert StackSecrets(secrets, catalogue).known(warnings.append)["api"].arn == ""
    assert warnings == ["warning: may not look; secrets are left out of this plan"]
    with pytest.raises(Denied):
        StackSecrets(secrets, catalogue).usable()


def test_every_secret_that_a_shipped_program_requires_has_a_source() -> None:
    catalogue = catalogue_file.load_catalogue()
    secrets = FakeSecrets(*(secret.path for secret in catalogue.secrets.values()))
    assert set(StackSecrets(secrets, catalogue).usable()) == set(catalogue.secrets)
