"""The reference of AWS's rates has the figures of the code."""

import math

import pytest

from gromit.config.aws import AwsSettings
from gromit.core.rates.aws_rates import AWS_RATES, AwsRate
from gromit.core.rates.demand import (
    EnvironmentShape,
    build_calls,
    creation_calls,
    deletion_calls,
)
from tests.bench.rates import limits_of_rates
from tests.docs.markdown import read, table

TEXT = read("reference/aws-rates.md")


def test_every_rate_is_there_with_its_figures_and_calls() -> None:
    documented = table(TEXT, "## Figures")
    assert list(documented) == [str(rate) for rate in AWS_RATES]
    for rate, calls in AWS_RATES.items():
        named, burst, per_second, source = documented[rate]
        assert (float(burst), float(per_second)) == (calls.rate.burst, calls.rate.per_second)
        assert source
        if calls.operations:
            assert named == ", ".join(f"`{name}`" for name in sorted(calls.operations))
        else:
            assert named.startswith("all calls of ")


def _value(text: str, k: int) -> float:
    """Return a cell of the table for k components and no other environments."""
    terms = text.partition(",")[0].replace(f"{'K'}", str(k)).split(" + ")
    return sum(math.prod(float(factor) for factor in term.split()) for term in terms)


@pytest.mark.parametrize("k", [1, 6])
def test_the_calls_of_an_environment_are_there(k: int) -> None:
    documented = table(TEXT, "## What environments need")
    assert list(documented) == [str(rate) for rate in AwsRate]
    shape = EnvironmentShape(k, 1)
    found = (creation_calls(shape), build_calls(shape), deletion_calls(shape, 0))
    for rate in AwsRate:
        assert [_value(cell, k) for cell in documented[rate]] == [calls[rate] for calls in found]


def test_the_environments_that_each_rate_allows_are_there_the_tightest_rate_first() -> None:
    documented = table(TEXT, "## Environments that each rate allows")
    assert [(rate, *cells) for rate, cells in documented.items()] == limits_of_rates()


def test_the_default_number_of_processes_is_said() -> None:
    assert f"The default is {AwsSettings().processes}:" in TEXT
