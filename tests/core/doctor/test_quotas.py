"""Headroom of AWS's quotas, in environments."""

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.doctor.quotas import (
    DEFAULT_LIMITS,
    Quota,
    QuotaHeadroom,
    QuotaUsage,
    per_environment,
    quota_headrooms,
)
from gromit.core.stack.catalogue import Catalogue, Component

SHIPPED = catalogue_file.load_catalogue(None, None)
FOUR = Catalogue({f"c{n}": Component(name=f"c{n}", image="i:1") for n in range(4)})
"""Four components of a quarter of a vCPU, as in the figures that the limits were compared with."""

sizes = st.sampled_from([256, 512, 1024, 2048, 4096])
components = st.builds(
    lambda n, cpu, public, files: Component(
        name=f"c{n}",
        image="i:1",
        cpu=cpu,
        port=80,
        public=public,
        config_path="/conf" if files else None,
    ),
    st.integers(0, 9),
    sizes,
    st.booleans(),
    st.booleans(),
)
catalogues = st.lists(components, min_size=1, unique_by=lambda c: c.name).map(
    lambda cs: Catalogue({c.name: c for c in cs})
)
limits = st.none() | st.integers(0, 100_000) | st.floats(0, 100_000, allow_nan=False)
useds = st.none() | st.integers(0, 100_000) | st.floats(0, 100_000, allow_nan=False)
usages = st.dictionaries(st.sampled_from(list(Quota)), st.builds(QuotaUsage, limits, useds))


def at(found: tuple[QuotaHeadroom, ...]) -> dict[Quota, int]:
    return {headroom.quota: headroom.environments for headroom in found}


def test_the_shipped_environment_costs_what_its_stack_makes() -> None:
    assert per_environment(SHIPPED) == {
        Quota.VCPU: Fraction(3, 2),
        Quota.GROUPS: 6,
        Quota.INTERFACES: 6,
        Quota.INSTANCES: 6,
        Quota.ACCESS_POINTS: 5,
        Quota.RECORDS: 3,
        Quota.CLUSTERS: 1,
    }


def test_a_new_account_ends_at_six_environments_of_one_vcpu() -> None:
    found = quota_headrooms({}, per_environment(FOUR), 0)
    assert found[0].quota is Quota.VCPU
    assert [(w.quota, w.environments) for w in found] == [
        (Quota.VCPU, 6),
        (Quota.INSTANCES, 500),
        (Quota.GROUPS, 625),
        (Quota.INTERFACES, 1250),
        (Quota.RECORDS, 10_000),
        (Quota.CLUSTERS, 10_000),
    ]


def test_usage_by_others_reduces_the_headroom() -> None:
    found = quota_headrooms({Quota.VCPU: QuotaUsage(6, 3.5)}, per_environment(FOUR), 2)
    assert (found[0].environments, found[0].percent) == (
        4,
        58,
    )  # 1.5 of the 3.5 are not of our two environments


def test_an_exhausted_quota_allows_the_existing_environments() -> None:
    assert (
        quota_headrooms({Quota.VCPU: QuotaUsage(6, 7)}, per_environment(FOUR), 9)[0].environments
        == 9
    )


@pytest.mark.parametrize(
    ("limit", "used", "percent"),
    [(0, 0, 100), (10, 0, 0), (10, 9.99, 99), (10, 10, 100), (10, 30, 300)],
)
def test_percent_is_rounded_down(limit: float, used: float, percent: int) -> None:
    (headroom,) = quota_headrooms(
        {Quota.CLUSTERS: QuotaUsage(limit, used)}, {Quota.CLUSTERS: Fraction(1)}, 0
    )
    assert headroom.percent == percent


def test_quarters_of_a_core_are_computed_exactly() -> None:
    costs = {Quota.VCPU: Fraction(3 * 256, 1024)}
    assert quota_headrooms({Quota.VCPU: QuotaUsage(2.25, 0.0)}, costs, 0)[0].environments == 3


@given(usages, catalogues, st.integers(0, 1000))
def test_one_more_environment_than_allowed_does_not_fit(
    reported: Mapping[Quota, QuotaUsage], catalogue: Catalogue, environments: int
) -> None:
    costs = per_environment(catalogue)
    for headroom in quota_headrooms(reported, costs, environments):
        usage, each = reported.get(headroom.quota, QuotaUsage(None, None)), costs[headroom.quota]
        limit = Fraction(
            DEFAULT_LIMITS[headroom.quota].limit if usage.limit is None else usage.limit
        )
        used = each * environments if usage.used is None else Fraction(usage.used)
        room = headroom.environments - environments
        assert room >= 0
        assert used + (room + 1) * each > limit
        assert used + room * each <= limit or room == 0
        assert headroom.from_aws is (usage.limit is not None)


@given(usages, catalogues, st.integers(0, 1000))
def test_every_needed_quota_is_listed_once_the_tightest_first(
    reported: Mapping[Quota, QuotaUsage], catalogue: Catalogue, environments: int
) -> None:
    costs = per_environment(catalogue)
    found = quota_headrooms(reported, costs, environments)
    assert {w.quota for w in found} == {q for q, each in costs.items() if each}
    assert len(found) == len({w.quota for w in found})
    assert [w.environments for w in found] == sorted(w.environments for w in found)


@given(usages, catalogues, components, st.integers(0, 1000))
def test_a_further_component_never_increases_the_headroom(
    reported: Mapping[Quota, QuotaUsage], catalogue: Catalogue, more: Component, environments: int
) -> None:
    before = at(quota_headrooms(reported, per_environment(catalogue), environments))
    grown = Catalogue({**catalogue.components, "more": more})
    after = at(quota_headrooms(reported, per_environment(grown), environments))
    assert all(after[quota] <= number for quota, number in before.items())


@given(usages, catalogues, st.integers(0, 1000), st.integers(1, 1000))
def test_a_higher_limit_never_reduces_the_headroom(
    reported: Mapping[Quota, QuotaUsage], catalogue: Catalogue, environments: int, more: int
) -> None:
    raised = {
        q: QuotaUsage(None if u.limit is None else u.limit + more, u.used)
        for q, u in reported.items()
    }
    before, after = (
        at(quota_headrooms(u, per_environment(catalogue), environments)) for u in (reported, raised)
    )
    assert all(after[quota] >= number for quota, number in before.items())
