"""Address ranges and ports of local clouds."""

import ipaddress
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.errors import ConfigError, Conflict
from gromit.local.cloud import network


def test_two_clouds_never_have_the_same_range() -> None:
    with network.claim_ranges("here") as one, network.claim_ranges("here") as two:
        mine, other = one.ranges, two.ranges
        assert len({mine.vpc, mine.public, other.vpc, other.public}) == 4


def test_a_range_can_be_had_again_once_it_was_given_back() -> None:
    with network.claim_ranges("there") as first:
        ranges = first.ranges
        with pytest.raises(Conflict, match="are in use"):
            network.reclaim_ranges(ranges)
    network.reclaim_ranges(ranges).close()


def test_another_process_is_kept_out_too_and_its_end_frees_the_range() -> None:
    script = (
        "from gromit.local.cloud import network; c = network.claim_ranges('x');"
        " print(c.ranges.vpc, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = other.stdout.readline().strip()
        with network.claim_ranges("x") as mine:
            assert str(mine.ranges.vpc) != theirs
            ranges = network.Ranges(ipaddress.IPv4Network(theirs), mine.ranges.public)
            with pytest.raises(Conflict):
                network.reclaim_ranges(ranges)
        other.kill()
    network.reclaim_ranges(ranges).close()


@given(st.text())
def test_ranges_are_bindable_and_leave_the_well_known_ones_alone(seed: str) -> None:
    with network.claim_ranges(seed) as claim:
        for found in (claim.ranges.vpc, claim.ranges.public):
            assert found.is_loopback
            assert found.prefixlen == 16
            assert 16 <= int(str(found).split(".")[1]) < 255


def test_a_free_port_is_the_preferred_one_if_it_is_free() -> None:
    port = network.free_port()
    assert network.free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert network.free_port(port) != port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))
        assert network.free_port(port) != port


def test_no_other_process_draws_a_port_before_it_is_used() -> None:
    port = network.free_port()
    program = f"from gromit.local.cloud.network import free_port; print(free_port({port}))"
    other = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert int(other) != port
    assert network.free_port(port) == port


def test_marks_of_ports_do_not_pile_up() -> None:
    ports = {network.free_port() for _ in range(200)}
    assert len(ports & network._marks.keys()) <= network._MOST_MARKS


def test_elsewhere_than_on_linux_it_says_so() -> None:
    network.require_linux("linux")
    with pytest.raises(ConfigError, match="needs Linux, this is darwin"):
        network.require_linux("darwin")
