"""Guards whose absence a test must notice, each with a weaker form and the tests that hold it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard."""

    name: str
    """The rule that it enforces."""
    path: str
    text: str
    """The guard itself. The file has it exactly once."""
    weaker: str
    """The code as if the guard had been forgotten."""
    tests: tuple[str, ...]
    """Tests of which one must fail then; as short a list as possible."""


_ROWS = ("tests/core/environments/test_wanted_and_work.py",)

GUARDS = (
    Guard(
        "a protected environment is not claimed for reaping",
        "src/gromit/core/environments/work.py",
        "Equals(Attribute.WANT, Want.GONE),\n        Equals(Attribute.PROTECTED, value=False),",
        "Equals(Attribute.WANT, Want.GONE),",
        _ROWS,
    ),
)
