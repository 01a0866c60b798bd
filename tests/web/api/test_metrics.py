"""Counters and readiness, scraped without a certificate from the second address."""

from collections.abc import Mapping

import httpx2
import pytest
from structlog.testing import capture_logs

from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.errors import Temporary
from gromit.web.api.metrics import Metrics
from tests.fakes.store import MemoryStore
from tests.logs import lines_about
from tests.waiting import PATIENCE_S
from tests.web.scraping import metric_value
from tests.web.serving import GRACE_S, Certificates, Emulator, Serve, emulated, serving


def _value(serve: Serve, name: str, **labels: str) -> float | None:
    return metric_value(serve.health_url, name, **labels)


def test_what_clients_and_workers_do_is_counted(
    emulator: Emulator, certificates: Certificates
) -> None:
    with serving(emulator, certificates) as serve:
        for sha in ("sha-1", "sha-1", "sha-2"):
            serve.build("tyk", "app-test", sha)
        serve.send(
            "POST", "/v1/builds", {"repo": "tyk-pump", "ref": "app-test", "sha": "s", "sequence": 3}
        )
        serve.send(
            "POST", "/v1/builds", {"repo": "tyk-pump", "ref": "app-test", "sha": "r", "sequence": 2}
        )
        serve.outcome(serve.claim("sow"), "fail")
        serve.build("tyk", "app-test", "sha-2")
        serve.work_off("sow")
        serve.send(
            "DELETE", "/env/app-test", who=Role.GATEWAY, headers={"X-Gromit-Repository": "tyk"}
        )
        serve.send("DELETE", "/env/app-test")
        serve.clock.advance(s=GRACE_S)
        serve.work_off("reap")
        expected = {
            ("build", "accepted"): 3,
            ("build", "duplicate"): 1,
            ("build", "stale"): 1,
            ("build", "retried"): 1,
            ("claim", "sow"): 2,
            ("claim", "reap"): 1,
            ("run", "terraform"): 1,
            ("sow", "done"): 1,
            ("reap", "done"): 1,
            ("delete", "retired"): 1,
            ("delete", "deleted"): 1,
        }
        counted = {
            k: _value(serve, "gromit_outcomes_total", what=k[0], outcome=k[1]) for k in expected
        }
        assert counted == expected


def test_what_is_refused_is_not_counted(emulator: Emulator, certificates: Certificates) -> None:
    with serving(emulator, certificates) as serve:
        serve.send("POST", "/newbuild", {"repo": "redis", "ref": "x", "sha": "y"})
        serve.send("DELETE", "/env/nowhere")
        serve.send("POST", "/v1/claims", {"kind": "sow", "holder": "w", "nonce": "n"}, Role.WORKER)
        assert (
            "gromit_outcomes_total{"
            not in httpx2.get(
                f"{serve.health_url}/metrics", trust_env=False, timeout=PATIENCE_S
            ).text
        )


def test_suspensions_are_counted_by_scope_while_they_last(serve: Serve) -> None:
    def counts() -> list[float | None]:
        scopes = ("all", "environment", "repository")
        return [_value(serve, "gromit_suspensions", scope=scope) for scope in scopes]

    assert counts() == [0, 0, 0]
    body = {"scope": "repository", "target": "tyk", "reason": "x", "for_s": 60}
    assert serve.send("POST", "/v1/suspensions", body).status_code == 200
    assert counts() == [0, 0, 1]
    serve.clock.advance(s=60)
    assert counts() == [0, 0, 0]


def test_failures_are_counted_by_class(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    before = _value(serve, "gromit_outcomes_total", what="failure", outcome="build") or 0
    serve.outcome(serve.claim("sow"), "fail", error_kind="rollout", message="exit code 1")
    after = _value(serve, "gromit_outcomes_total", what="failure", outcome="build")
    assert after == before + 1


def test_the_age_of_unfinished_work_is_exported(serve: Serve) -> None:
    def age(kind: str) -> float | None:
        return _value(serve, "gromit_oldest_work_age_seconds", kind=kind)

    assert (age("sow"), age("reap")) == (0, 0)
    serve.build("tyk", "app-old", "sha")
    serve.clock.advance(s=40)
    serve.build("tyk", "app-new", "sha")
    assert (age("sow"), age("reap")) == (40, 0)
    claim = serve.claim("sow")
    assert claim["name"] == "app-old"
    assert age("sow") == 0
    serve.clock.advance(s=91)
    assert age("sow") == 131


def test_work_that_fails_again_and_again_grows_older(serve: Serve) -> None:
    def ages() -> tuple[float | None, float | None]:
        due, undone = (f"gromit_oldest_{what}_age_seconds" for what in ("work", "undone"))
        return _value(serve, due, kind="sow"), _value(serve, undone, kind="sow")

    serve.build("tyk", "app-test", "sha")
    for _ in range(3):
        serve.outcome(serve.claim("sow"), "fail")
        serve.clock.advance(s=7 * 3600)
    serve.outcome(serve.claim("sow"), "fail")
    assert ages() == (0, 3 * 7 * 3600)
    serve.build("tyk", "app-test", "sha")
    assert ages() == (0, 3 * 7 * 3600)
    serve.work_off("sow")
    assert ages() == (0, 0)


def test_the_grace_does_not_count_as_waiting(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("DELETE", "/env/app-test")
    assert _value(serve, "gromit_oldest_undone_age_seconds", kind="reap") == 0
    serve.clock.advance(s=GRACE_S + 5)
    assert _value(serve, "gromit_oldest_undone_age_seconds", kind="reap") == 5


def test_serve_is_ready_as_long_as_its_table_answers(
    emulator: Emulator, certificates: Certificates
) -> None:
    with (
        serving(emulator, certificates) as serve,
        httpx2.Client(base_url=serve.health_url, trust_env=False, timeout=PATIENCE_S) as client,
    ):
        assert (client.get("/healthcheck").text, client.get("/readyz").text) == ("OK", "OK")
        serve.dynamodb.delete_table(TableName=serve.settings.tablename)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert serve.settings.tablename in answer.json()["error"]
        assert (client.get("/healthcheck").status_code, client.get("/metrics").status_code) == (
            200,
            200,
        )
        assert "gromit_oldest_work_age_seconds{" not in client.get("/metrics").text
        answer = serve.send("POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": "sha"})
        assert answer.status_code == 500
        assert serve.settings.tablename in answer.json()["error"]


def test_serve_is_not_ready_when_its_certificate_expires_within_a_day(
    emulator: Emulator, certificates: Certificates
) -> None:
    with (
        serving(emulator, certificates) as serve,
        httpx2.Client(base_url=serve.health_url, trust_env=False, timeout=PATIENCE_S) as client,
    ):
        serve.clock.advance(s=23 * 3600)
        assert client.get("/readyz").status_code == 200
        for hours, words in ((2, "expires at 20"), (48, "expired at 20")):
            serve.clock.advance(s=hours * 3600)
            answer = client.get("/readyz")
            assert answer.status_code == 503
            assert f"serve's certificate {words}" in answer.json()["error"]
        assert client.get("/healthcheck").status_code == 200


def test_an_emulator_that_is_gone_is_a_temporary_fault(certificates: Certificates) -> None:
    with emulated() as emulator, serving(emulator, certificates) as serve:
        serve.build("tyk", "app-test", "sha")
        emulator.stop()
        answer = serve.send("GET", "/env/app-test")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "could not read app-test" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/env/app-test", "/v1/environments", "/newbuild", "/loglevel"])
def test_the_address_without_certificates_offers_nothing_else(serve: Serve, path: str) -> None:
    assert (
        httpx2.get(serve.health_url + path, trust_env=False, timeout=PATIENCE_S).status_code == 404
    )


class Waiting(MemoryStore):
    """A table whose oldest sow work has waited for 90 s, and which fails for reap."""

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        if kind == "sow":
            return DueRows(("app-test",), now_ms - 90_000, None)
        raise Temporary(f"not now: {limit} {claim_id}")

    def unfinished(self, kind: str) -> Mapping[str, int]:
        if kind == "sow":
            return {"app-test": 400_000}
        raise Temporary("not now")


def test_the_age_of_undone_work_is_logged_for_alarms() -> None:
    with capture_logs() as lines:
        Metrics(Waiting(), lambda: Millis(1_000_000)).log_ages()
        Metrics(MemoryStore(), lambda: Millis(1_000_000)).log_ages()
    said = [
        (line["event"], line["kind"], line.get("seconds"), line.get("undone_seconds"))
        for line in lines_about("work", lines)
    ]
    assert said == [
        ("work.age", "sow", 90.0, 600.0),
        ("work.age_unknown", "reap", None, None),
        ("work.age", "sow", 0.0, 0.0),
        ("work.age", "reap", 0.0, 0.0),
    ]


def overdue_lines(metrics: Metrics) -> list[tuple[str, str, int]]:
    """Let serve look at the ages once. Return what it says of overdue work."""
    with capture_logs() as lines:
        metrics.log_ages()
    return [
        (line["kind"], line["env"], line["seconds"])
        for line in lines
        if line["event"] == "work.overdue"
    ]


def test_each_environment_becomes_overdue_once_also_behind_one_that_is_stuck() -> None:
    store, now = MemoryStore(), [0]
    limits = {Work.SOW: 10_000, Work.REAP: 20_000}

    def metrics() -> Metrics:
        return Metrics(store, lambda: Millis(now[0]), limits)

    def put(name: str, kind: Work, since_ms: int) -> None:
        store.put({"name": name, "work": kind, "due": since_ms, "since": since_ms})

    put("stuck", Work.SOW, 0)
    put("later", Work.SOW, 5_000)
    put("gone", Work.REAP, 0)
    serve = metrics()
    now[0] = 10_000
    assert overdue_lines(serve) == []
    now[0] = 11_000
    assert overdue_lines(serve) == [("sow", "stuck", 11)]
    now[0] = 16_000
    assert overdue_lines(serve) == [("sow", "later", 11)], "the stuck one hides no other"
    now[0] = 21_000
    assert overdue_lines(serve) == [("reap", "gone", 21)]
    put("stuck", Work.SOW, 21_000)
    assert overdue_lines(serve) == []
    now[0] = 32_000
    assert overdue_lines(serve) == [("sow", "stuck", 11)], "it is overdue for a second time"
    assert overdue_lines(metrics()) == [
        ("sow", "later", 27),
        ("sow", "stuck", 11),
        ("reap", "gone", 32),
    ], "a new serve knows nothing, and repeats all"


def test_without_a_limit_no_work_is_overdue() -> None:
    assert overdue_lines(Metrics(Waiting(), lambda: Millis(10**9))) == []
