"""Values of variables that terraform refuses, several of them in one plan.

    refusals = Refusals(root, {"mongo": [...], "bastion": [...]}, "-refresh=false")
    assert "must have a name" in refusals.said("mongo", 1)

Terraform checks all variables before it plans, and names each that has a wrong value. A plan costs
a second, so the first wrong values of all variables are in one plan, the second ones in another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.platform.roots import Root, TerraformError, variable


class Refusals:
    """Refused plans of one root, made when a test first asks for them."""

    def __init__(self, root: Root, wrong: Mapping[str, Sequence[Any]], *arguments: str) -> None:
        self._root = root
        self._wrong = wrong
        self._arguments = arguments
        self._said: dict[int, str] = {}

    def said(self, name: str, number: int) -> str:
        """Return what terraform says about one of the wrong values of a variable, in one line."""
        if number not in self._said:
            self._said[number] = self._plan(number)
        errors = self._said[number].split("\nError: ")[1:]
        reported = (" ".join(error.replace("│", " ").split()) for error in errors)
        return " ".join(error for error in reported if f'variable "{name}" {{' in error)

    def _plan(self, number: int) -> str:
        given = [
            variable(name, values[number])
            for name, values in self._wrong.items()
            if number < len(values)
        ]
        with pytest.raises(TerraformError) as refused:
            self._root.plan(*self._arguments, *given)
        return str(refused.value)
