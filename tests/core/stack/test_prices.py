"""Prices of environments, and the page that shows them."""

from gromit.adapters.catalogue.file import load_catalogue
from gromit.core.stack.prices import HOURS, PRICES, REGION, YEAR, Prices, hourly_cost
from tests.docs.markdown import read, table


def test_the_page_of_costs_has_the_cost_of_the_shipped_catalogue() -> None:
    known = load_catalogue().components.values()
    fargate = hourly_cost(known, Prices(address=0))
    addresses = hourly_cost(known, PRICES) - fargate
    vcpu, gib = sum(c.cpu for c in known) / 1024, sum(c.memory for c in known) / 1024
    page = table(read("reference/stacks.md"), "### One environment")
    assert page == {
        "Fargate": [
            f"{vcpu:g} vCPU and {gib:g} GiB in {len(known)} tasks",
            f"{24 * fargate:.2f} $",
            f"{HOURS * fargate:.0f} $",
        ],
        "public IPv4 addresses, one a public component": [
            str(sum(c.public for c in known)),
            f"{24 * addresses:.2f} $",
            f"{HOURS * addresses:.0f} $",
        ],
    }


def test_the_page_and_the_setting_name_region_and_year() -> None:
    page, settings = read("reference/stacks.md"), read("reference/settings.md")
    assert f"`{REGION}`" in page.split("## What it costs")[1]
    assert f"in {YEAR}" in page.split("### Source of the figures")[1]
    assert f"estimates of {REGION}, {YEAR}" in settings


def test_a_price_can_be_changed() -> None:
    assert PRICES.with_changes(["vcpu=0.05", "address=0"]) == Prices(vcpu=0.05, address=0)
    assert PRICES.with_changes([]) == PRICES
