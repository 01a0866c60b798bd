"""The DNS server of a local cloud: public names from the emulated Route53 zones, `.internal` names from the emulated Cloud Map.

It looks into the emulator of this process for every query, so an answer is never older than the query; it asks nobody else, and
says of every other name that it does not exist.
"""

import selectors
import socket
import struct
import threading
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
"""Bytes of an answer over UDP if the client did not say that it takes more."""

_MULTIVALUE = 8
"""Most addresses that Cloud Map puts into one answer."""

_PATIENCE = 5.0
"""Seconds that a TCP client may be silent."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """All values of one name and type, in the form of a zone file."""

    name: str
    """Lower case, without the last dot."""
    type: str
    ttl: int
    values: tuple[str, ...]


class RecordSource(Protocol):
    """What there is to answer from."""

    def record_sets(self) -> list[ZoneRecord]:
        """All record sets, SOA records of the zones included."""
        ...


class EmulatedRecords:
    """The names in the emulator of this process."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region

    def record_sets(self) -> list[ZoneRecord]:
        """Public zones as they are; Cloud Map services that have instances."""
        with emulator.lock:
            return [*self._public(), *self._internal()]

    def _public(self) -> list[ZoneRecord]:
        zones = route53_backends[self._account]["aws"].zones.values()
        return [
            ZoneRecord(
                normalize_dns_name(r.name),
                r.type,
                int(r.ttl or 0),
                tuple(_value(v) for v in r.records),
            )
            for zone in zones
            if not zone.private_zone
            for r in zone.rrsets
            if r.records
        ]

    def _internal(self) -> list[ZoneRecord]:
        discovery = servicediscovery_backends[self._account][self._region]
        found = []
        for service in discovery.services.values():
            namespace = discovery.namespaces.get(service.namespace_id)
            addresses = [
                i.attributes.get("AWS_INSTANCE_IPV4")
                for i in service.instances
                if i.health_status == "HEALTHY"
            ]
            ttl = next(
                (
                    int(r["TTL"])
                    for r in (service.dns_config or {}).get("DnsRecords", [])
                    if r["Type"] == "A"
                ),
                None,
            )
            if namespace and ttl is not None and any(addresses):
                values = tuple(a for a in addresses if a)[:_MULTIVALUE]
                found.append(
                    ZoneRecord(
                        normalize_dns_name(f"{service.name}.{namespace.name}"), "A", ttl, values
                    )
                )
        return found


def answer_query(query: Any, names: RecordSource) -> Any:
    """The answer to a query (both `dns.message.Message`)."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(
            dns.rcode.NOTIMP if query.opcode() != dns.opcode.QUERY else dns.rcode.FORMERR
        )
        return response
    question, records = query.question[0], names.record_sets()
    name, kind = normalize_dns_name(question.name.to_text()), dns.rdatatype.to_text(question.rdtype)
    response.answer = [_rrset(r) for r in records if r.name == name and kind in {r.type, "ANY"}]
    if not response.answer:
        exists = any(r.name == name or r.name.endswith(f".{name}") for r in records)
        response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        response.authority = [
            _rrset(r) for r in records if r.type == "SOA" and f".{name}".endswith(f".{r.name}")
        ]
    return response


class DnsServer:
    """Answers on UDP and TCP, on one port."""

    def __init__(self, names: RecordSource, host: str = "127.0.0.1", port: int = 0) -> None:
        self._names = names
        self._tcp = socket.create_server((host, port))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((host, self.port))
        self._stopped, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="dns", daemon=True)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more."""
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
            connection.settimeout(_PATIENCE)
            try:
                while len(head := stream.read(2)) == 2:
                    reply = self._reply(stream.read(struct.unpack("!H", head)[0]), udp=False)
                    if reply is None:
                        return
                    connection.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                return

    def _reply(self, wire: bytes, *, udp: bool) -> bytes | None:
        """The reply on the wire; None to what is no query."""
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
    """A response as it is sent; over UDP only its head, if it is too large for the client."""
    try:
        return bytes(response.to_wire(max_size=max(_PLAIN_UDP, query.payload) if udp else 65535))
    except dns.exception.TooBig:
        short = dns.message.make_response(query)
        short.flags |= dns.flags.AA | dns.flags.TC
        return bytes(short.to_wire())


def _rrset(record: ZoneRecord) -> Any:
    """A record set for the wire; names in its values are whole, as Route53 takes them, also without a last dot."""
    return dns.rrset.from_text_list(
        f"{record.name}.",
        record.ttl,
        "IN",
        record.type,
        list(record.values),
        origin=dns.name.root,
        relativize=False,
    )


def _value(record: str | dict[str, str]) -> str:
    """A value as moto has it: plain if it came by a change, in a mapping if moto made it with the zone."""
    return record if isinstance(record, str) else record["Value"]
