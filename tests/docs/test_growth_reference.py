"""The page of limits up to 100,000 environments, against its computation."""

from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota
from tests.docs import growth_reference
from tests.docs.growth_reference import SIZES
from tests.docs.markdown import read


def test_the_page_is_what_is_computed() -> None:
    assert read("reference/growth.md") == growth_reference.page(), "run: make docs"


def test_the_tightest_limit_comes_first() -> None:
    for limits in (growth_reference.counted(), growth_reference.paced()):
        reached = [limit.environments for limit in limits]
        assert reached == sorted(reached)
    first, second = growth_reference.counted()[:2]
    assert (first.what, first.environments) == (DEFAULT_LIMITS[Quota.VCPU].title, 4)
    assert (second.what, second.environments) == (DEFAULT_LIMITS[Quota.INSTANCES].title, 333)


def test_every_limit_is_reached_by_the_number_of_environments_that_the_page_names() -> None:
    for limit in growth_reference.counted():
        most, need = float(limit.limit.replace(",", "")), float(limit.need)
        assert limit.environments * need <= most < (limit.environments + 1) * need, limit


def test_needs_grow_with_the_number_of_environments() -> None:
    for figure in (
        growth_reference.builds_per_second,
        growth_reference.runs_per_second,
        growth_reference.table_writes,
        growth_reference.index_writes,
        growth_reference.serve_cores,
    ):
        values = [figure(size) for size in SIZES]
        assert values == sorted(values)
        assert values[0] > 0
