"""The reference of AWS's rates has the figures of the code."""

from gromit.config.aws import AwsSettings
from gromit.core.rates.aws_rates import AWS_RATES
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


def test_the_default_number_of_processes_is_said() -> None:
    assert f"The default is {AwsSettings().processes}:" in TEXT
