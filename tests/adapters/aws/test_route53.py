"""The zone in Route53: complete listings, batches within limits, retries and refused changes."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from gromit.adapters.aws.route53 import BACKOFF_S, CLIENT, MIN_INTERVAL_S, Route53Zone
from gromit.core.dns.plan import RecordSet, RecordWithReason, ZoneChanges, owner_record
from gromit.errors import BackendError, ConfigError, Denied, Temporary
from tests.aws_laws.laws import Laws, governed

DOMAIN = "dev.example.com"
LIST, CHANGE = "route53.ListResourceRecordSets", "route53.ChangeResourceRecordSets"


class Scene:
    """A zone under AWS's rules, the adapter for it, and its progress lines."""

    def __init__(self, laws: Laws, domain: str = DOMAIN) -> None:
        self.laws = laws
        self.free = laws.free("route53")
        self.zone_id: str = self.free.create_hosted_zone(Name=DOMAIN, CallerReference="x")[
            "HostedZone"
        ]["Id"].rsplit("/", 1)[-1]
        self.said: list[str] = []
        self.zone = self.adapter(self.zone_id, domain)

    def adapter(self, zone_id: str, domain: str = DOMAIN) -> Route53Zone:
        return Route53Zone(self.laws.client("route53", CLIENT), zone_id, domain, self.laws.clock)

    def put(self, *sets: dict[str, Any]) -> None:
        for at in range(0, len(sets), 500):
            changes = [{"Action": "CREATE", "ResourceRecordSet": s} for s in sets[at : at + 500]]
            self.free.change_resource_record_sets(
                HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
            )

    def there(self) -> set[RecordSet]:
        return set(self.adapter(self.zone_id).records())

    def apply(self, changes: ZoneChanges) -> None:
        self.zone.apply(changes, self.said.append)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with governed() as laws:
        yield Scene(laws)


def plain(name: str, *values: str, kind: str = "A") -> dict[str, Any]:
    return {
        "Name": name,
        "Type": kind,
        "TTL": 10,
        "ResourceRecords": [{"Value": v} for v in values or ("1.1.1.1",)],
    }


def record(environment: int, *values: str, component: str = "tyk") -> RecordSet:
    return RecordSet(
        f"{component}.e{environment}.{DOMAIN}", "A", 10, frozenset(values or ("1.1.1.1",))
    )


def owner(environment: int) -> RecordSet:
    return owner_record(f"e{environment}", DOMAIN)


def because(records: Iterable[RecordSet]) -> RecordWithReason:
    return tuple((r, "because") for r in records)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 298, 299, 598, 599])
def test_the_zone_is_read_whole_in_pages_of_three_hundred(scene: Scene, count: int) -> None:
    scene.put(*(plain(f"tyk.e{n}.{DOMAIN}") for n in range(count)))
    assert len(scene.zone.records()) == count
    assert scene.laws.calls == {LIST: -(-(count + 2) // 300)}  # the zone itself has two records


def test_one_environment_is_read_in_one_call_however_large_the_zone_is(scene: Scene) -> None:
    scene.put(*(plain(f"tyk.e{n}.{DOMAIN}") for n in range(700)))
    assert scene.zone.records_of("e650") == [record(650)]
    assert scene.laws.calls == {LIST: 1}


def test_a_large_environment_is_read_to_its_end(scene: Scene) -> None:
    scene.put(*(plain(f"c{n}.e1.{DOMAIN}") for n in range(601)), plain(f"tyk.e2.{DOMAIN}"))
    assert len(scene.zone.records_of("e1")) == 601
    assert scene.laws.calls == {LIST: 3}


def test_an_environment_without_records_is_looked_for_in_the_right_zone(scene: Scene) -> None:
    assert scene.zone.records_of("e1") == []
    assert scene.zone.records_of("e2") == []
    assert scene.laws.calls == {LIST: 3}, "the zone's own name is looked up once"
    with pytest.raises(ConfigError, match=rf"is for {DOMAIN}, not for prod\.example\.com"):
        scene.adapter(scene.zone_id, "prod.example.com").records_of("e1")


def test_names_and_kinds_are_read_in_one_form(scene: Scene) -> None:
    scene.put(
        plain(f"Tyk.E1.{DOMAIN}.", "2.2.2.2", "1.1.1.1"),
        plain(f"_gromit.e1.{DOMAIN}", '"heritage=gromit,environment=e1"', kind="TXT"),
        {
            "Name": f"a.e1.{DOMAIN}",
            "Type": "A",
            "AliasTarget": {"HostedZoneId": "Z", "DNSName": "x.", "EvaluateTargetHealth": False},
        },
        {**plain(f"w.e1.{DOMAIN}"), "SetIdentifier": "blue", "Weight": 1},
        {**plain(f"h.e1.{DOMAIN}"), "HealthCheckId": "check"},
    )
    found = {r.name: r for r in scene.zone.records()}
    assert found[f"tyk.e1.{DOMAIN}"] == record(1, "1.1.1.1", "2.2.2.2")
    assert found[f"_gromit.e1.{DOMAIN}"].values == owner(1).values
    assert {r.routing for r in found.values()} == {"", "alias", "set blue", "health check"}


def test_only_records_below_our_domain_are_returned() -> None:
    with governed() as laws:
        scene = Scene(laws, f"sub.{DOMAIN}")
        scene.put(
            plain(f"tyk.e1.sub.{DOMAIN}"), plain(f"tyk.e1.{DOMAIN}"), plain(f"tyk.notsub.{DOMAIN}")
        )
        assert [r.name for r in scene.zone.records()] == [f"tyk.e1.sub.{DOMAIN}"]


@pytest.mark.parametrize("domain", ["prod.example.com", "example.com", "notdev.example.com"])
def test_a_domain_that_is_not_the_zones_is_a_wrong_setting(scene: Scene, domain: str) -> None:
    with pytest.raises(ConfigError, match=rf"is for {DOMAIN}, not for {domain}"):
        scene.adapter(scene.zone_id, domain).records()


def test_a_zone_that_does_not_exist_is_a_wrong_setting(scene: Scene) -> None:
    with pytest.raises(ConfigError, match="no zone ZMISSING"):
        scene.adapter("ZMISSING").records()
    with pytest.raises(ConfigError, match="no zone ZMISSING"):
        scene.adapter("ZMISSING").apply(
            ZoneChanges(creates=because([record(1)])), scene.said.append
        )


def test_a_listing_is_never_given_in_part(scene: Scene) -> None:
    scene.put(*(plain(f"tyk.e{n}.{DOMAIN}") for n in range(700)))
    scene.laws.fail(LIST, times=7, skip=1)
    with pytest.raises(Temporary):
        scene.zone.records()
    assert scene.laws.attempts[LIST] == 8


def test_missing_rights_are_not_tried_again(scene: Scene) -> None:
    scene.laws.fail(LIST, "AccessDenied", times=9)
    with pytest.raises(Denied):
        scene.zone.records()
    assert scene.laws.attempts[LIST] == 1


# ── writing ───────────────────────────────────────────────────────────────────────────────────────


def test_creates_updates_and_deletes_are_written_in_one_request(scene: Scene) -> None:
    scene.apply(ZoneChanges(creates=because([owner(1), record(1), owner(2), record(2)])))
    scene.apply(
        ZoneChanges(upserts=because([record(1, "2.2.2.2")]), deletes=because([record(2), owner(2)]))
    )
    assert scene.there() == {owner(1), record(1, "2.2.2.2")}
    assert scene.laws.calls[CHANGE] == 2
    assert f"updated tyk.e1.{DOMAIN} 2.2.2.2" in scene.said
    assert f"deleted tyk.e2.{DOMAIN} 1.1.1.1" in scene.said


def test_no_changes_are_no_request(scene: Scene) -> None:
    scene.apply(ZoneChanges(left_alone=because([record(1)])))
    assert not scene.laws.calls


@pytest.mark.parametrize(("environments", "requests"), [(1, 1), (333, 1), (334, 2), (999, 3)])
def test_many_changes_go_in_as_few_requests_as_the_limits_allow(
    scene: Scene, environments: int, requests: int
) -> None:
    groups = [(owner(n), record(n), record(n, component="dash")) for n in range(environments)]
    scene.apply(ZoneChanges(creates=because(r for g in groups for r in g)))
    assert len(scene.there()) == 3 * environments
    assert scene.laws.calls[CHANGE] == requests
    assert scene.laws.slept == pytest.approx([MIN_INTERVAL_S] * (requests - 1))


class Traffic:
    """Change requests of a zone on the wire: times of each, and the largest number at once."""

    def __init__(self, laws: Laws, client: Any) -> None:
        self.spans: list[tuple[float, float]] = []
        self.most = 0
        self._clock = laws.clock
        self._under_way: list[float] = []
        self._counting = threading.Lock()
        self._two = threading.Event()
        client.meta.events.register_first(
            "before-send.route53.ChangeResourceRecordSets", self._sent
        )
        client.meta.events.register("after-call.route53.ChangeResourceRecordSets", self._answered)

    def _sent(self, **_: Any) -> None:
        with self._counting:
            self._under_way.append(self._clock.monotonic())
            self.most = max(self.most, len(self._under_way))
            if self.most > 1:
                self._two.set()
        self._two.wait(0.1)  # enough time for a second request, which must not come

    def _answered(self, **_: Any) -> None:
        with self._counting:
            self.spans.append((self._under_way.pop(), self._clock.monotonic()))


def test_however_many_threads_write_one_request_is_in_flight_and_all_keep_the_pace(
    scene: Scene,
) -> None:
    """Reap's workers do that: each one retires the records of its environment."""
    client = scene.laws.client("route53", CLIENT)
    traffic = Traffic(scene.laws, client)
    zone = Route53Zone(client, scene.zone_id, DOMAIN, scene.laws.clock)
    scene.laws.fail(CHANGE, "PriorRequestNotComplete", times=2, skip=2)

    def write(environment: int) -> None:
        zone.apply(
            ZoneChanges(creates=because([owner(environment), record(environment)])),
            lambda _line: None,
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert scene.there() == {r for n in range(8) for r in (owner(n), record(n))}
    assert traffic.most == 1
    assert len(traffic.spans) == 8 + 2
    pauses = [after[0] - before[1] for before, after in pairwise(traffic.spans)]
    assert min(pauses) >= MIN_INTERVAL_S - 1e-9, pauses  # sums are rounded


@pytest.mark.parametrize(
    "code", ["Throttling", "PriorRequestNotComplete", "ServiceUnavailable", "timeout"]
)
def test_a_request_that_is_put_off_is_sent_again_after_growing_pauses(
    scene: Scene, code: str
) -> None:
    scene.laws.fail(CHANGE, code, times=3)
    scene.apply(ZoneChanges(creates=because([owner(1), record(1)])))
    assert scene.there() == {owner(1), record(1)}
    assert scene.laws.slept == list(BACKOFF_S[:3])
    assert scene.laws.attempts[CHANGE] == 4


def test_retries_have_an_end(scene: Scene) -> None:
    scene.laws.fail(CHANGE, "PriorRequestNotComplete", times=99)
    with pytest.raises(Temporary, match="PriorRequestNotComplete"):
        scene.apply(ZoneChanges(creates=because([owner(1), record(1)])))
    assert scene.laws.slept == list(BACKOFF_S)
    assert scene.there() == set()


def test_a_request_that_had_its_effect_but_no_answer_is_refused_when_sent_again(
    scene: Scene,
) -> None:
    """The caller then reads the zone again and finds the change."""
    scene.laws.fail(CHANGE, "timeout", after=True)
    with pytest.raises(BackendError, match="already exists"):
        scene.apply(ZoneChanges(creates=because([owner(1), record(1)])))
    assert scene.there() == {owner(1), record(1)}


def poisoned(scene: Scene, guilty: Sequence[int], of: int) -> BackendError:
    """Write many environments, some of which have a record already."""
    scene.put(*(plain(f"tyk.e{n}.{DOMAIN}", "9.9.9.9") for n in guilty))
    with pytest.raises(BackendError) as raised:
        scene.apply(
            ZoneChanges(creates=because(r for n in range(of) for r in (owner(n), record(n))))
        )
    return raised.value


@pytest.mark.parametrize("guilty", [[0], [199], [63, 64], [7, 77, 177]])
def test_a_poisoned_environment_is_found_and_all_others_are_written(
    scene: Scene, guilty: list[int]
) -> None:
    error = poisoned(scene, guilty, of=200)
    written = {n for n in range(200) if n not in guilty}
    assert scene.there() == {
        *(r for n in written for r in (owner(n), record(n))),
        *(record(n, "9.9.9.9") for n in guilty),
    }
    assert all(f"tyk.e{n}.{DOMAIN}" in error.message for n in guilty)
    assert "already exists" in error.message
    assert error.is_outdated
    assert scene.laws.calls[CHANGE] <= 1 + 2 * 8 * len(guilty)  # halving 200 takes at most 8 steps


@pytest.mark.parametrize(
    "stale", [record(1), record(2, "8.8.8.8")], ids=["deleted meanwhile", "changed meanwhile"]
)
def test_a_refused_delete_says_that_a_new_look_may_help(scene: Scene, stale: RecordSet) -> None:
    scene.put(plain(f"tyk.e2.{DOMAIN}", "1.1.1.1"))
    with pytest.raises(BackendError) as raised:
        scene.apply(ZoneChanges(deletes=because([stale])))
    assert raised.value.is_outdated


def test_what_route53_never_accepts_needs_no_new_look(scene: Scene) -> None:
    scene.laws.fail(CHANGE, "InvalidChangeBatch")
    with pytest.raises(BackendError) as raised:
        scene.apply(ZoneChanges(creates=because([record(1)])))
    assert not raised.value.is_outdated


def test_a_long_list_of_refusals_is_cut_in_the_message(scene: Scene) -> None:
    error = poisoned(scene, range(9), of=9)
    assert "and 4 more" in error.message


def test_the_rest_of_a_split_environment_is_not_sent_once_a_part_is_refused(scene: Scene) -> None:
    many = [
        RecordSet(
            f"c{c}.e1.{DOMAIN}",
            "A",
            10,
            frozenset(f"10.{c}.{n >> 8}.{n & 255}" for n in range(400)),
        )
        for c in range(6)
    ]
    scene.put(plain(f"c0.e1.{DOMAIN}", "9.9.9.9"))
    with pytest.raises(BackendError) as raised:
        scene.apply(ZoneChanges(creates=because([owner(1), *many, owner(2), record(2)])))
    assert {r.name for r in scene.there()} == {f"c0.e1.{DOMAIN}", owner(2).name, record(2).name}
    assert all(r.name in raised.value.message for r in many)


def test_a_record_too_large_for_any_request_is_named_and_the_rest_is_written(scene: Scene) -> None:
    huge = RecordSet(
        f"huge.e1.{DOMAIN}", "A", 10, frozenset(f"10.0.{n >> 8}.{n & 255}" for n in range(1001))
    )
    with pytest.raises(BackendError, match="huge"):
        scene.apply(ZoneChanges(creates=because([owner(1), huge, record(1)])))
    assert scene.there() == {owner(1), record(1)}


def test_missing_rights_end_the_writing_at_once(scene: Scene) -> None:
    scene.laws.fail(CHANGE, "AccessDenied")
    with pytest.raises(Denied):
        scene.apply(ZoneChanges(creates=because([owner(1), record(1)])))
    assert scene.laws.attempts[CHANGE] == 1
