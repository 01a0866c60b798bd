"""DNS server of a local cloud.

Public names come from the emulated Route53 zones, `.internal` names from the emulated Cloud Map.
Each query reads the emulator of this process, so an answer is never out of date. The server asks no
other server: all other names do not exist.
"""

import selectors
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import structlog
from moto.route53.models import route53_backends
from moto.servicediscovery.models import servicediscovery_backends

from gromit.core.names import normalize_dns_name
from gromit.local.aws import emulator

_PLAIN_UDP = 512
"""Largest response in bytes over UDP, unless the client accepts more."""

_MULTIVALUE = 8
"""Largest number of addresses that Cloud Map returns in one response."""

_TIMEOUT = 5.0
"""Seconds that a TCP client may stay silent."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """All values of one name and type, in the format of a zone file."""

    name: str
    """Name in lower case, without the trailing dot."""
    type: str
    ttl: int
    values: tuple[str, ...]


class RecordSource(Protocol):
    """Source of the record sets that the server answers from."""

    def record_sets(self) -> list[ZoneRecord]:
        """Return all record sets, including the SOA records of the zones."""
        ...


class EmulatedRecords:
    """Names in the emulator of this process."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region

    def record_sets(self) -> list[ZoneRecord]:
        """Return the record sets of public zones, and Cloud Map services that have instances."""
        with emulator.lock:
            return [*self._public(), *self._internal()]

    def _public(self) -> list[ZoneRecord]:
        found = []
        for zone in route53_backends[self._account]["aws"].zones.values():
            if not zone.private_zone:
                found += [_zone_record(record) for record in zone.rrsets if record.records]
        return found

    def _internal(self) -> list[ZoneRecord]:
        discovery = servicediscovery_backends[self._account][self._region]
        found = []
        for service in discovery.services.values():
            namespace = discovery.namespaces.get(service.namespace_id)
            values = _healthy_addresses(service)[:_MULTIVALUE]
            ttl = _ttl(service)
            if namespace and ttl is not None and values:
                name = normalize_dns_name(f"{service.name}.{namespace.name}")
                found.append(ZoneRecord(name, "A", ttl, tuple(values)))
        return found


def answer_query(query: Any, names: RecordSource) -> Any:
    """Return the response to a query (both `dns.message.Message`)."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if query.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
        return response
    if len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question, records = query.question[0], names.record_sets()
    name, kind = normalize_dns_name(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
    response.answer = [_rrset(record) for record in follow_name(records, name, kind)]
    if not response.answer:
        # A name that has only other types, or names below it, exists: the answer is empty.
        exists = any(r.name == name or r.name.endswith(f".{name}") for r in records)
        response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        response.authority = [
            _rrset(r) for r in records if r.type == "SOA" and f".{name}".endswith(f".{r.name}")
        ]
    return response


def follow_name(records: Sequence[ZoneRecord], name: str, kind: str) -> list[ZoneRecord]:
    """Return the record sets that answer a question, aliases on the way (CNAME) included."""
    found: list[ZoneRecord] = []
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        here = [record for record in records if record.name == name]
        wanted = [record for record in here if kind in {record.type, "ANY"}]
        if wanted:
            return found + wanted
        for alias in here:
            if alias.type == "CNAME":
                found.append(alias)
                name = normalize_dns_name(alias.values[0])
    return found


class DnsServer:
    """DNS server on UDP and TCP, on one port."""

    def __init__(self, names: RecordSource, host: str = "127.0.0.1", port: int = 0) -> None:
        self._names = names
        self._tcp = socket.create_server((host, port))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((host, self.port))
        self._stopped, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="dns", daemon=True)

    def start(self) -> Self:
        """Start answering."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering."""
        self._stop.send(b"!")
        self._thread.join()
        for thing in (self._tcp, self._udp, self._stop, self._stopped):
            thing.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for thing in (self._tcp, self._udp, self._stopped):
                selector.register(thing, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._stopped in ready:
                    return
                if self._udp in ready:
                    self._answer_datagram()
                if self._tcp in ready:
                    connection, _ = self._tcp.accept()
                    threading.Thread(
                        target=self._answer_stream, args=(connection,), daemon=True
                    ).start()

    def _answer_datagram(self) -> None:
        wire, client = self._udp.recvfrom(65535)
        reply = self._reply(wire, udp=True)
        if reply is not None:
            self._udp.sendto(reply, client)

    def _answer_stream(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(_TIMEOUT)
            try:
                while len(head := stream.read(2)) == 2:
                    reply = self._reply(stream.read(struct.unpack("!H", head)[0]), udp=False)
                    if reply is None:
                        return
                    connection.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                return

    def _reply(self, wire: bytes, *, udp: bool) -> bytes | None:
        """Return the reply on the wire; None if `wire` is not a query."""
        try:
            query = dns.message.from_wire(wire)
            if query.flags & dns.flags.QR:
                return None
            return _wire(answer_query(query, self._names), query, udp=udp)
        except dns.exception.DNSException:
            return None
        except Exception:  # a query must not end the server
            log.exception("dns.failed")
            return None


def _wire(response: Any, query: Any, *, udp: bool) -> bytes:
    """Return a response in wire format; over UDP only its header if it exceeds the limit."""
    largest = max(_PLAIN_UDP, query.payload) if udp else 65535
    try:
        return bytes(response.to_wire(max_size=largest))
    except dns.exception.TooBig:
        short = dns.message.make_response(query)
        short.flags |= dns.flags.AA | dns.flags.TC
        return bytes(short.to_wire())


def _rrset(record: ZoneRecord) -> Any:
    """Return a record set for the wire.

    Names in its values are absolute even without a trailing dot, as in Route53.
    """
    return dns.rrset.from_text_list(
        f"{record.name}.",
        record.ttl,
        "IN",
        record.type,
        list(record.values),
        origin=dns.name.root,
        relativize=False,
    )


def _zone_record(record: Any) -> ZoneRecord:
    """Return moto's record set as a `ZoneRecord`."""
    values = tuple(_value(value) for value in record.records)
    name = normalize_dns_name(record.name)
    return ZoneRecord(name, record.type, int(record.ttl or 0), values)


def _value(value: str | dict[str, str]) -> str:
    """Return a value of moto's: text after a change, a mapping if moto made it with the zone."""
    return value if isinstance(value, str) else value["Value"]


def _healthy_addresses(service: Any) -> list[str]:
    """Addresses of the healthy instances of a Cloud Map service."""
    healthy = [i for i in service.instances if i.health_status == "HEALTHY"]
    addresses = [instance.attributes.get("AWS_INSTANCE_IPV4") for instance in healthy]
    return [address for address in addresses if address]


def _ttl(service: Any) -> int | None:
    """TTL of the A records of a Cloud Map service in seconds; None if it has no A records."""
    records = (service.dns_config or {}).get("DnsRecords", [])
    return next((int(record["TTL"]) for record in records if record["Type"] == "A"), None)
