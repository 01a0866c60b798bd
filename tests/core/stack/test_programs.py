"""Secrets that programs require, and those that must be equal."""

from gromit.core.stack.programs import (
    Program,
    ProgramSecret,
    ProgramUse,
    missing_secrets,
    unequal_secrets,
)
from gromit.core.stack.secrets import SecretOrigin


def _secret(
    variable: str, group: str, *, peer: str | None = None, required: bool = True
) -> ProgramSecret:
    return ProgramSecret(
        variable=variable,
        group=group,
        made=SecretOrigin.RANDOM,
        peer=peer,
        required=required,
        without="it exits at once",
    )


GATEWAY = Program(
    name="gateway",
    secrets=(
        _secret("G_API", "api"),
        _secret("G_NODE", "node", peer="dashboard"),
        _secret("G_CERT", "cert", required=False),
    ),
)
DASHBOARD = Program(name="dashboard", secrets=(_secret("D_API", "api"), _secret("D_NODE", "node")))


def _use(program: Program, **secrets: str) -> ProgramUse:
    return ProgramUse(component=f"my-{program.name}", program=program, secrets=secrets)


def test_a_required_secret_without_a_source_is_missing() -> None:
    (missing,) = missing_secrets([_use(GATEWAY)])
    assert (missing.component, missing.secret.variable) == ("my-gateway", "G_API")
    assert str(missing) == "my-gateway needs G_API: without it, it exits at once"


def test_a_secret_that_a_peer_makes_necessary_is_missing_only_beside_it() -> None:
    gateway, dashboard = _use(GATEWAY, G_API="a"), _use(DASHBOARD, D_API="a", D_NODE="n")
    assert missing_secrets([gateway]) == ()
    assert [m.secret.variable for m in missing_secrets([gateway, dashboard])] == ["G_NODE"]


def test_secrets_of_one_group_from_different_sources_are_unequal() -> None:
    equal = [_use(GATEWAY, G_API="a", G_NODE="n"), _use(DASHBOARD, D_API="a", D_NODE="n")]
    assert unequal_secrets(equal) == ()
    (unequal,) = unequal_secrets([_use(GATEWAY, G_API="b", G_NODE="n"), equal[1]])
    assert unequal.group == "api"
    assert unequal.sources == {"my-gateway G_API": "b", "my-dashboard D_API": "a"}
    assert str(unequal) == "my-dashboard D_API, my-gateway G_API must have the same value"
