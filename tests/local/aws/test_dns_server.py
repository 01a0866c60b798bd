"""The DNS server: answers for names that exist, no longer exist, and never existed."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from gromit.local.aws.dns_server import DnsServer, EmulatedRecords, ZoneRecord
from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.simulated.names import resolve_name
from tests.local.conftest import REGION, client
from tests.waiting import PATIENCE_S

SOA = ZoneRecord(
    "dev.gromit.test",
    "SOA",
    900,
    ("ns.dev.gromit.test. admin.dev.gromit.test. 1 7200 900 1209600 5",),
)
TYK = "tyk.app-test.dev.gromit.test"


class FixedNames:
    """Record sets that the test chooses."""

    def __init__(self, *records: ZoneRecord) -> None:
        self._records = [SOA, *records]

    def record_sets(self) -> list[ZoneRecord]:
        return self._records


@pytest.fixture
def server() -> Iterator[DnsServer]:
    names = FixedNames(
        ZoneRecord(TYK, "A", 10, ("127.45.0.4", "127.45.0.5")),
        ZoneRecord("_gromit.app-test.dev.gromit.test", "TXT", 60, ('"owner=gromit" "two"',)),
        ZoneRecord("mongo.dev.gromit.test", "CNAME", 60, ("Mongo-0.dev.gromit.test.",)),
        ZoneRecord("mongo-0.dev.gromit.test", "CNAME", 60, (TYK,)),
        ZoneRecord("lost.dev.gromit.test", "CNAME", 60, ("nowhere.example.org",)),
        ZoneRecord("round.dev.gromit.test", "CNAME", 60, ("about.dev.gromit.test",)),
        ZoneRecord("about.dev.gromit.test", "CNAME", 60, ("round.dev.gromit.test",)),
        ZoneRecord("zone.gromit.test", "NS", 60, ("ns-1.awsdns-01.org",)),
        ZoneRecord("broken.gromit.test", "A", 60, ("nonsense",)),
        ZoneRecord("long.dev.gromit.test", "TXT", 60, tuple(f'"{n:0250}"' for n in range(20))),
    )
    server = DnsServer(names).start()
    yield server
    server.stop()


def ask(server: DnsServer, name: str, kind: str = "A", *, tcp: bool = False) -> Any:
    query = dns.message.make_query(name, kind)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, "127.0.0.1", port=server.port, timeout=PATIENCE_S)


@pytest.mark.parametrize("tcp", [False, True])
def test_all_values_are_given_with_their_ttl(server: DnsServer, tcp: bool) -> None:
    response = ask(server, TYK.upper(), tcp=tcp)
    (found,) = response.answer
    assert sorted(r.address for r in found) == ["127.45.0.4", "127.45.0.5"]
    assert found.ttl == 10
    assert response.flags & dns.flags.AA


def test_text_records_are_given(server: DnsServer) -> None:
    (found,) = ask(server, "_gromit.app-test.dev.gromit.test", "TXT").answer
    assert [r.strings for r in found] == [(b"owner=gromit", b"two")]


def test_an_alias_is_followed_to_its_addresses(server: DnsServer) -> None:
    *aliases, found = ask(server, "mongo.dev.gromit.test").answer
    assert [str(alias[0].target) for alias in aliases] == ["Mongo-0.dev.gromit.test.", f"{TYK}."]
    assert sorted(r.address for r in found) == ["127.45.0.4", "127.45.0.5"]
    assert resolve_name("mongo.dev.gromit.test", server.port) in {"127.45.0.4", "127.45.0.5"}


def test_an_alias_is_an_answer_itself(server: DnsServer) -> None:
    (found,) = ask(server, "mongo.dev.gromit.test", "CNAME").answer
    assert str(found[0].target) == "Mongo-0.dev.gromit.test."


@pytest.mark.parametrize(
    "name", ["lost.dev.gromit.test", "round.dev.gromit.test", "x..y", "a" * 70]
)
def test_a_name_without_an_address_resolves_to_none(server: DnsServer, name: str) -> None:
    assert resolve_name(name, server.port) is None


def test_without_a_server_only_addresses_resolve() -> None:
    assert resolve_name("127.45.0.4", None) == "127.45.0.4"
    assert resolve_name(TYK, None) is None


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("nowhere.app-test.dev.gromit.test", "A", dns.rcode.NXDOMAIN),
        ("example.org", "A", dns.rcode.NXDOMAIN),
        ("app-test.dev.gromit.test", "A", dns.rcode.NOERROR),  # it has only names below it
        (TYK, "TXT", dns.rcode.NOERROR),  # it has only another type
    ],
)
def test_what_is_not_there_is_denied(server: DnsServer, name: str, kind: str, code: int) -> None:
    response = ask(server, name, kind)
    assert (response.rcode(), response.answer) == (code, [])
    assert bool(response.authority) is name.endswith("dev.gromit.test")


def test_name_servers_are_whole_names_also_without_a_last_dot(server: DnsServer) -> None:
    (found,) = ask(server, "zone.gromit.test", "NS").answer
    assert [r.target.to_text() for r in found] == ["ns-1.awsdns-01.org."]


def test_a_value_that_cannot_be_sent_gets_no_answer_and_does_no_harm(server: DnsServer) -> None:
    query = dns.message.make_query("broken.gromit.test", "A")
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, "127.0.0.1", port=server.port, timeout=0.3)
    assert ask(server, TYK).answer


def test_an_answer_too_long_for_a_datagram_comes_by_tcp(server: DnsServer) -> None:
    assert ask(server, "long.dev.gromit.test", "TXT").flags & dns.flags.TC
    assert len(ask(server, "long.dev.gromit.test", "TXT", tcp=True).answer[0]) == 20


def test_nonsense_gets_no_answer_and_does_no_harm(server: DnsServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for wire in (b"", b"x", b"\xff" * 40):
            udp.sendto(wire, ("127.0.0.1", server.port))
    with socket.create_connection(("127.0.0.1", server.port)) as tcp:
        tcp.sendall(b"\x00\x03abc")
        assert tcp.recv(10) == b""
    assert ask(server, TYK).answer


def test_many_ask_at_once(server: DnsServer) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(len(ask(server, TYK, tcp=True).answer)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 8


def test_the_port_is_free_again_after_a_stop() -> None:
    server = DnsServer(FixedNames()).start()
    server.stop()
    DnsServer(FixedNames(), port=server.port).start().stop()


def test_it_answers_from_the_emulator_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with Emulator() as emulator:
        route53, discovery = (
            client(emulator.url, "route53"),
            client(emulator.url, "servicediscovery"),
        )
        zone = route53.create_hosted_zone(Name="dev.gromit.test", CallerReference="1")[
            "HostedZone"
        ]["Id"]
        vpc = client(emulator.url, "ec2").create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
        discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
        service = discovery.create_service(
            Name="redis.app-test",
            NamespaceId=discovery.list_namespaces()["Namespaces"][0]["Id"],
            DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 7}]},
        )["Service"]["Id"]
        server = DnsServer(EmulatedRecords(ACCOUNT, REGION)).start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port

        record = {"Name": TYK, "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "127.45.0.4"}]}
        for action, code in (("UPSERT", "found"), ("DELETE", "NXDOMAIN")):
            route53.change_resource_record_sets(
                HostedZoneId=zone,
                ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
            )
            assert _resolve(resolver, TYK) == (("127.45.0.4", 10) if code == "found" else code)

        internal = "redis.app-test.internal"
        assert _resolve(resolver, internal) == "NXDOMAIN"
        discovery.register_instance(
            ServiceId=service, InstanceId="i", Attributes={"AWS_INSTANCE_IPV4": "127.44.0.4"}
        )
        assert _resolve(resolver, internal) == ("127.44.0.4", 7)
        server.stop()


def _resolve(resolver: Any, name: str) -> tuple[str, int] | str:
    try:
        found = resolver.resolve(name, "A").rrset
    except dns.resolver.NXDOMAIN:
        return "NXDOMAIN"
    return found[0].address, found.ttl
