"""Metrics of a running serve: each definition, its labels, and what they measure."""

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from gromit.core.environments.observation import Observation
from gromit.core.metrics.definition import by_series
from gromit.core.metrics.definitions import DEFINITIONS
from gromit.core.metrics.server_definitions import SERVE
from gromit.core.security.roles import Role
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.web.clients.environments import ServeObservations
from tests.waiting import PATIENCE_S
from tests.web.scraping import metric_value, metrics_text, scrape
from tests.web.serving import Certificates, Emulator, Serve, serving

PUBLISHED = {"tyk": NameStatus(NameState.PUBLISHED)}
WELL = {"tyk": HealthStatus(HealthState.PASS, "")}
SERVED = by_series(tuple(d for d in DEFINITIONS if SERVE[0] in d.parts))


@pytest.fixture
def fresh(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """Run a serve that has counted nothing."""
    with serving(emulator, certificates) as serve:
        yield serve


def value(serve: Serve, name: str, **labels: str) -> float | None:
    return metric_value(serve.health_url, name, **labels)


def observe(serve: Serve, name: str, **what: object) -> None:
    epoch = serve.get(f"/v1/environments/{name}")["epoch"]
    seen = replace(Observation(name, epoch, {}, PUBLISHED), **what)  # type: ignore[arg-type]
    ServeObservations(serve.serve_client(Role.WORKER)).report([seen])


def test_every_series_of_serve_is_defined_and_every_definition_served(fresh: Serve) -> None:
    fresh.build("tyk", "app-test", "sha")
    fresh.work_off("sow")
    observe(fresh, "app-test", health=WELL)
    found = [s for s in scrape(fresh.health_url) if s.name.startswith("gromit_")]
    served = {s.name for s in found if not s.name.endswith("_created")}
    # Tests of the gateway may have registered its metrics in this process, too.
    assert served - by_series(DEFINITIONS).keys() == set()
    text = metrics_text(fresh.health_url)
    # A counter with labels has no series before its first event, but its help is there.
    assert [d.name for d in SERVED.values() if f"# HELP {d.name} {d.help}" not in text] == []


def test_every_label_has_a_value_of_its_definition(fresh: Serve) -> None:
    fresh.build("tyk", "app-test", "sha")
    fresh.outcome(fresh.claim("sow"), "fail", error_kind="a kind that no one knows")
    httpx2.get(fresh.health_url, trust_env=False, timeout=PATIENCE_S)
    wrong = [
        (sample.name, label.name, sample.labels[label.name])
        for sample in scrape(fresh.health_url)
        if sample.name in SERVED
        for label in SERVED[sample.name].labels
        if label.values and sample.labels[label.name] not in label.values
    ]
    assert wrong == []
    assert value(fresh, "gromit_outcomes_total", what="run", outcome="other") == 1


def test_no_series_names_an_environment_or_a_person(fresh: Serve) -> None:
    fresh.build("tyk", "hidden-branch", "sha")
    fresh.work_off("sow")
    fresh.send("GET", "/v1/environments/hidden-branch")
    fresh.send("GET", "/nowhere/hidden-branch")
    fresh.send("FETCH", "/env/hidden-branch")
    assert "hidden" not in metrics_text(fresh.health_url)


def test_environments_are_counted_by_phase_at_most_once_a_minute(serve: Serve) -> None:
    def count(phase: str) -> float | None:
        return value(serve, "gromit_environments", phase=phase)

    serve.clock.advance(s=61)
    assert (count("pending"), count("ready"), count("unreadable")) == (0, 0, 0)
    serve.build("tyk", "app-a", "sha")
    assert count("pending") == 0, "counted less than a minute ago"
    serve.work_off("sow")
    observe(serve, "app-a", health=WELL)
    serve.build("tyk", "app-b", "sha")
    serve.build("tyk", "app-c", "sha")
    serve.damage("app-c")
    serve.clock.advance(s=61)
    assert (count("pending"), count("ready"), count("unreadable")) == (1, 1, 1)
    assert value(serve, "gromit_public_names", state="published") == 1
    assert value(serve, "gromit_component_health", health="pass") == 1
    assert value(serve, "gromit_unfinished_work", kind="sow") == 2


def test_runs_are_measured_by_their_outcome(fresh: Serve) -> None:
    def measured(kind: str, outcome: str) -> tuple[float | None, float | None]:
        count, total = (
            value(fresh, f"gromit_run_duration_seconds_{end}", kind=kind, outcome=outcome)
            for end in ("count", "sum")
        )
        return count, total

    fresh.build("tyk", "app-test", "sha")
    claim = fresh.claim("sow")
    fresh.clock.advance(s=5)
    fresh.outcome(claim, "fail", error_kind="temporary", message="busy")
    fresh.build("tyk", "app-test", "sha-2")
    claim = fresh.claim("sow")
    fresh.clock.advance(s=7)
    fresh.outcome(claim, "release")
    claim = fresh.claim("sow")
    fresh.clock.advance(s=90)
    fresh.outcome(claim, "done")
    fresh.outcome(claim, "done")  # the answer was lost
    assert measured("sow", "transient") == (1, 5)
    assert measured("sow", "released") == (1, 7)
    assert measured("sow", "done") == (1, 90)


def test_a_run_after_a_lost_one_is_measured_from_its_own_claim(fresh: Serve) -> None:
    fresh.build("tyk", "app-test", "sha")
    fresh.claim("sow")
    fresh.clock.advance(s=3600)  # its lease has ended
    claim = fresh.claim("sow")
    fresh.clock.advance(s=60)
    fresh.outcome(claim, "done")
    labels = {"kind": "sow", "outcome": "done"}
    assert value(fresh, "gromit_run_duration_seconds_sum", **labels) == 60


def test_the_way_from_a_build_to_an_answering_url_is_measured(fresh: Serve) -> None:
    def measured(what: str) -> tuple[float | None, float | None]:
        count, total = (value(fresh, f"gromit_build_{what}_seconds_{e}") for e in ("count", "sum"))
        return count, total

    fresh.build("tyk", "app-test", "sha")
    fresh.clock.advance(s=10)
    claim = fresh.claim("sow")
    fresh.clock.advance(s=100)
    fresh.outcome(claim, "done")
    assert measured("ready") == (1, 110)
    fresh.clock.advance(s=20)
    unwell = {"tyk": HealthStatus(HealthState.UNKNOWN, "no answer")}
    observe(fresh, "app-test", health=unwell)
    assert measured("answered") == (0, 0)
    fresh.clock.advance(s=30)
    observe(fresh, "app-test", health=WELL)
    observe(fresh, "app-test", health=unwell)
    observe(fresh, "app-test", health=WELL)
    assert measured("answered") == (1, 160)


def test_a_repair_is_no_build(fresh: Serve) -> None:
    fresh.build("tyk", "app-test", "sha")
    fresh.work_off("sow")
    observe(fresh, "app-test", problems={"tyk": "0 of 1 tasks run"})
    fresh.clock.advance(s=3600)
    fresh.work_off("sow")
    assert value(fresh, "gromit_build_ready_seconds_count") == 1
    assert value(fresh, "gromit_run_duration_seconds_count", kind="sow", outcome="done") == 2


def test_requests_are_counted_by_route_and_status(fresh: Serve) -> None:
    def count(method: str, route: str, status: int) -> float | None:
        labels = {"method": method, "route": route, "status": str(status)}
        return value(fresh, "gromit_requests_total", **labels)

    fresh.build("tyk", "app-test", "sha")
    for path in ("/v1/environments/app-test", "/v1/environments/app-none", "/nowhere"):
        fresh.send("GET", path)
    fresh.send("PUT", "/env/app-test", {"tyk": "x"}, Role.VIEWER)
    fresh.send("POST", "/newbuild", b"x" * 70_000, Role.GATEWAY)
    assert count("POST", "/newbuild", 200) == 1
    assert count("GET", "/v1/environments/{name}", 200) == 1
    assert count("GET", "/v1/environments/{name}", 404) == 1
    assert count("GET", "unmatched", 404) == 1
    assert count("PUT", "/env/{name:path}", 403) == 1
    assert count("POST", "unmatched", 413) == 1
    durations = {"method": "POST", "route": "/newbuild"}
    assert value(fresh, "gromit_request_duration_seconds_count", **durations) == 1


def test_streams_are_counted_as_those_of_parts_and_people(fresh: Serve) -> None:
    def counts() -> tuple[float | None, float | None]:
        parts, people = (value(fresh, "gromit_watchers", who=who) for who in ("parts", "people"))
        return parts, people

    assert counts() == (0, 0)
    with (
        fresh.client(Role.WORKER).stream("GET", "/v1/changes") as of_part,
        fresh.client(Role.VIEWER).stream("GET", "/v1/changes") as of_person,
    ):
        lines = [stream.iter_lines() for stream in (of_part, of_person)]
        assert [next(each) for each in lines] == [": connected", ": connected"]
        assert counts() == (1, 1)


def test_expiries_of_certificates_are_shown_by_role(
    fresh: Serve, certificates: Certificates
) -> None:
    def left_days(name: str, **labels: str) -> float:
        at = value(fresh, name, **labels)
        assert at is not None
        return (at - fresh.clock.now / 1000) / 86_400

    fresh.send("GET", "/env/nowhere", who=Role.VIEWER)
    client = "gromit_client_certificate_expires_timestamp_seconds"
    assert 1.9 < left_days(client, role="viewer") <= 2.1
    assert value(fresh, client, role="gateway") is None
    assert 1.9 < left_days("gromit_certificate_expires_timestamp_seconds") <= 2.1
    assert 29 < left_days("gromit_ca_expires_timestamp_seconds") <= 30.1


def test_a_clock_that_is_put_back_keeps_no_counts(fresh: Serve) -> None:
    assert value(fresh, "gromit_environments", phase="pending") == 0
    fresh.build("tyk", "app-test", "sha")
    fresh.clock.advance(s=-7200)
    assert value(fresh, "gromit_environments", phase="pending") == 1
