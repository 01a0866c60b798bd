"""People: which names, roles and repositories a gateway may vouch for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.security.people import NAME_MAX, PEOPLES_ROLES, REPOSITORIES_MAX, Person
from gromit.core.security.roles import Role
from gromit.errors import TrustError


@pytest.mark.parametrize("role", PEOPLES_ROLES)
def test_a_person_has_a_name_a_role_and_repositories(role: Role) -> None:
    person = Person.checked("ada@example.com", role, ["TykTechnologies/tyk", "tyk-pump"])
    assert person == Person("ada@example.com", role, frozenset({"tyk", "tyk-pump"}))
    assert Person.checked("Ada Ž", role, None).repositories is None
    assert Person.checked("ada", role).repositories == frozenset()


@pytest.mark.parametrize(
    "name",
    ["", " ", " ada", "ada\n", "a\tb", "a\0", "\u202eada", "a\u200bda", "x" * (NAME_MAX + 1)],
)
def test_a_name_that_logs_cannot_show_is_refused(name: str) -> None:
    with pytest.raises(TrustError, match="the name of a person"):
        Person.checked(name, Role.VIEWER)


@pytest.mark.parametrize("role", ["", "gateway", "worker", "Operator", "admin", "x" * 5000])
def test_other_roles_are_not_of_people(role: str) -> None:
    with pytest.raises(TrustError, match="is not a role of a person") as refused:
        Person.checked("ada", role)
    assert refused.value.hint == "roles of people are viewer, developer, operator"
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("names", [["tyk", ""], ["*"], ["a b"], ["../"], ["%00"]])
def test_repositories_must_be_names(names: list[str]) -> None:
    with pytest.raises(TrustError, match=r"^repo "):
        Person.checked("ada", "viewer", names)


def test_repositories_are_bounded() -> None:
    names = [f"r{i}" for i in range(REPOSITORIES_MAX)]
    assert Person.checked("ada", "viewer", names).repositories == frozenset(names)
    with pytest.raises(TrustError, match="101 repositories, and 100 are possible"):
        Person.checked("ada", "viewer", [*names, "one-more"])


@pytest.mark.parametrize(
    ("highest", "allowed"),
    [
        (None, set[Role]()),
        (Role.VIEWER, {Role.VIEWER}),
        (Role.DEVELOPER, {Role.VIEWER, Role.DEVELOPER}),
        (Role.OPERATOR, {Role.VIEWER, Role.DEVELOPER, Role.OPERATOR}),
    ],
)
def test_the_highest_role_bounds_the_others(highest: Role | None, allowed: set[Role]) -> None:
    people = [Person("ada", role) for role in PEOPLES_ROLES]
    assert {p.role for p in people if p.has_role_up_to(highest)} == allowed


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_gives_a_person_or_a_refusal(name: str, role: str) -> None:
    try:
        person = Person.checked(name, role)
    except TrustError:
        return
    assert person.name.isprintable()
    assert person.role in PEOPLES_ROLES
