"""The page of one environment, every action on it, and the platform, before a real serve."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from gromit.core.security.roles import Role
from gromit.web.page.actions import ACTIONS
from tests.web.page.looking import (
    Element,
    Look,
    counted_requests,
    look_as,
    looking,
    own_certificate,
    parse_html,
    read_event,
    visitor,
)
from tests.web.serving import Serve

MADE: list[dict[str, Any]] = [
    {
        "name": "tyk",
        "repository": "tyk",
        "version": "sha-1",
        "digest": "sha256:1",
        "revision": "abcdef0123456789",
        "port": 8181,
    },
    {"name": "redis", "version": "7"},
]


@pytest.fixture
def look(serve: Serve) -> Iterator[Look]:
    with look_as(serve) as page:
        yield page


@pytest.fixture
def ready(serve: Serve) -> str:
    """An environment that is ready, with a history that took a minute."""
    serve.build("tyk", "app-test", "sha-1")
    claim = serve.claim("sow")
    serve.clock.advance(s=60)
    assert serve.outcome(claim, "done", made=MADE).status_code == 200
    return "app-test"


def _page(look: Look, name: str = "app-test") -> Element:
    return look.get(f"/environments/{name}")


def _form(page: Element, action: str) -> Element:
    return next(f for f in page.all("form") if f.attributes["action"].endswith(f"/do/{action}"))


def _offered(page: Element) -> set[str]:
    return {f.attributes["action"].rpartition("/")[2] for f in page.all("form")}


def _done(answer: httpx2.Response, look: Look) -> str:
    """Follow the answer to a form, and return what the page says."""
    assert (answer.status_code, answer.text) == (303, "")
    return look.get(answer.headers["location"]).one("p", class_="done").text


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def test_components_show_version_commit_url_and_dns(look: Look, ready: str) -> None:
    table = _page(look, ready).one("section", id="components")
    redis, tyk = table.all("tbody")[0].all("tr")
    assert redis.text.startswith("redis 7 inside only")
    assert "sha-1 commit abcdef012345" in tyk.text
    assert tyk.one("a").text.startswith("http://tyk.app-test.dev.example.com")
    assert "DNS unknown" in tyk.text
    why = table.all("tbody")[1].all("tr")[0].text
    assert why == "tyk sha-1 built from the branch app-test"


def test_the_history_is_newest_first_and_says_how_long_a_run_took(look: Look, ready: str) -> None:
    events = _page(look, ready).one("section", id="history").all("li")
    assert [e.one("strong").text for e in events] == ["sown", "created"]
    assert "took 1 min" in events[0].text
    assert "tyk reported sha-1" in events[1].text


def test_a_failure_shows_its_reason_and_who_has_to_act(serve: Serve, look: Look) -> None:
    serve.build("tyk", "app-test", "sha-1")
    serve.outcome(serve.claim("sow"), "fail", error_kind="conflict", message="a foreign state")
    card = _page(look).one("div", class_="failed")
    assert card.one("pre").text == "a foreign state"
    assert "one of them has to act first" in card.text
    assert "after 1 attempt" in card.text
    assert card.all("time")[1].text.startswith("in ")


def test_an_environment_that_does_not_exist_is_said_to(look: Look) -> None:
    page = look.get("/environments/none", 404)
    assert "could not find env none" in page.one("div", role="alert").text
    assert look.http.get("/environments/a%2Fb").status_code == 404
    assert look.http.get("/nothing").status_code == 404


def test_the_platform_shows_queue_workers_limits_and_certificates(
    serve: Serve, look: Look, ready: str
) -> None:
    serve.build("tyk", "waiting", "sha")
    page = look.get("/platform")
    sow, reap, total = page.all("div", class_="cards")[0].all("div", class_="card")
    assert (sow.one("p", class_="figure").text, sow.one("a").text) == ("1", "waiting")
    assert "nothing waits" in reap.text
    assert total.one("p", class_="figure").text == "2"
    assert "w1 sow" in page.text
    assert "Environments of a repository 100" in page.text
    certificates = page.all("tbody")[-1].all("tr")
    assert any("operator" in row.text and "soon" in row.text for row in certificates)
    serve.send("POST", "/v1/suspensions", {"scope": "all", "reason": "an incident"})
    assert "gromit resume" in look.get("/platform").text


def test_the_platform_shows_quotas_and_findings_of_the_doctors(serve: Serve, look: Look) -> None:
    serve.forget_reports()
    text = look.get("/platform").text
    assert "No doctor has reported quotas yet." in text
    assert "No doctor has reported yet." in text
    line = {"check": "zone", "subject": "dev", "state": "wrong", "seen": "<b>", "remedy": "fix it"}
    quota = {"quota": "fargate.vcpu", "used": 4.5, "limit": 6, "percent": 75, "environments": 4}
    report = {"kind": "aws", "checked": 9, "wrong": 1, "lines": [line], "quotas": [quota]}
    assert serve.send("POST", "/v1/reports", report).status_code == 200
    other = {"kind": "environments", "checked": 7, "wrong": 0, "lines": []}
    assert serve.send("POST", "/v1/reports", other).status_code == 200
    text = look.get("/platform").text
    assert "fargate.vcpu 4.5 6 75 % 4" in text
    assert "1 of 9 findings are wrong" in text
    assert "0 discrepancies in 7 environments" in text
    assert "zone wrong dev <b> fix it" in text


def test_serve_out_of_reach_is_a_page_too(serve: Serve) -> None:
    backend = own_certificate(serve, visitor())
    with looking(backend, serve.clock) as look:
        backend._upstream._http.base_url = httpx2.URL("https://127.0.0.1:9")
        page = look.get("/environments/app-test", 503)
        assert "serve answered 502" in page.one("div", role="alert").text


# ── actions ───────────────────────────────────────────────────────────────────────────────────────


def test_redeploy_one_component(serve: Serve, look: Look, ready: str) -> None:
    form = _form(_page(look), "redeploy")
    assert _done(look.submit(form, component="tyk"), look) == "The redeployment was requested."
    assert serve.get(f"/v1/environments/{ready}")["redeploys"].keys() == {"tyk"}
    again = serve.get(f"/v1/environments/{ready}")["generation"]
    assert _done(look.submit(form, component="tyk"), look)
    assert serve.get(f"/v1/environments/{ready}")["generation"] == again, "a form counts once"


def test_roll_back(serve: Serve, look: Look, ready: str) -> None:
    serve.clock.advance(s=60)
    serve.build("tyk", ready, "sha-2")
    serve.push("tyk", "sha-1")
    newer: list[dict[str, Any]] = [{**MADE[0], "version": "sha-2"}, MADE[1]]
    assert serve.outcome(serve.claim("sow"), "done", made=newer).status_code == 200
    form = _form(_page(look), "rollback")
    assert "rollback was requested" in _done(look.submit(form), look)
    assert serve.get(f"/v1/environments/{ready}")["versions"]["tyk"]["version"] == "sha-1"


def test_park_and_unpark(serve: Serve, look: Look, ready: str) -> None:
    assert "will be parked" in _done(look.submit(_form(_page(look), "park")), look)
    assert serve.get(f"/v1/environments/{ready}")["parked"]
    assert "park" not in _offered(_page(look))
    assert "will start" in _done(look.submit(_form(_page(look), "unpark")), look)
    assert not serve.get(f"/v1/environments/{ready}")["parked"]


def test_protect_and_unprotect(serve: Serve, look: Look, ready: str) -> None:
    assert "is protected" in _done(look.submit(_form(_page(look), "protect")), look)
    assert serve.get(f"/v1/environments/{ready}")["protected"]
    assert not {"protect", "delete"} & _offered(_page(look))
    assert "no longer" in _done(look.submit(_form(_page(look), "unprotect")), look)
    assert "delete" in _offered(_page(look))


def test_extend(serve: Serve, look: Look, ready: str) -> None:
    form = _form(_page(look), "extend")
    assert "extended" in _done(look.submit(form, duration="20d"), look)
    assert "extended" in serve.get(f"/v1/environments/{ready}")["lifetime"]
    for wrong, text in (("", "no duration is given"), ("soon", "is not a duration")):
        refused = look.submit(form, duration=wrong)
        assert refused.status_code == 400
        assert text in parse_html(refused.text).one("div", role="alert").text


def test_retry_is_offered_after_a_failure_only(serve: Serve, look: Look) -> None:
    serve.build("tyk", "app-test", "sha-1")
    assert "retry" not in _offered(_page(look))
    serve.outcome(serve.claim("sow"), "fail")
    serve.clock.advance(s=30)
    assert "retry was requested" in _done(look.submit(_form(_page(look), "retry")), look)
    assert serve.get("/v1/environments/app-test/events")["events"][-1]["kind"] == "retry"


def test_delete_needs_the_typed_name(serve: Serve, look: Look, ready: str) -> None:
    form = _form(_page(look), "delete")
    for typed in ("", "app-tes", "APP-TEST"):
        refused = look.submit(form, confirm=typed)
        assert refused.status_code == 400
        assert "type app-test to delete it" in refused.text
    assert serve.state(ready) == "processed"
    assert "will be destroyed" in _done(look.submit(form, confirm=" app-test "), look)
    assert serve.state(ready) == "deleted"
    assert _offered(_page(look)) == set()


def test_the_refusal_of_serve_is_shown(serve: Serve, look: Look, ready: str) -> None:
    form = _form(_page(look), "delete")
    serve.send("POST", f"/v1/environments/{ready}/protect")
    refused = look.submit(form, confirm="app-test")
    assert refused.status_code == 409
    assert "protected" in parse_html(refused.text).one("div", role="alert").text


def test_an_unknown_action_is_none(look: Look, ready: str) -> None:
    form = _form(_page(look), "park")
    other = {**form.attributes, "action": form.attributes["action"].replace("park", "explode")}
    assert look.submit(Element("form", other, form.inside)).status_code == 404


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        (Role.VIEWER, set()),
        (Role.DEVELOPER, {"redeploy", "extend", "park"}),
        (Role.OPERATOR, {"redeploy", "extend", "park", "protect", "delete"}),
    ],
)
def test_a_role_is_offered_what_it_may_do(
    serve: Serve, ready: str, role: Role, offered: set[str]
) -> None:
    with look_as(serve, role) as look:
        found = _offered(_page(look))
        assert offered <= found
        assert bool(found) == bool(offered)


def test_who_has_repositories_may_delete_their_environments_only(serve: Serve, ready: str) -> None:
    for repository, offered in (("tyk", True), ("tyk-pump", False)):
        person = visitor(Role.OPERATOR, repository)
        with looking(own_certificate(serve, person), serve.clock) as look:
            assert ("delete" in _offered(_page(look))) is offered


# ── forged forms ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", [action.word for action in ACTIONS])
def test_an_action_without_the_token_of_the_session_is_refused(
    serve: Serve, look: Look, ready: str, action: str
) -> None:
    before = serve.rows[ready]
    address = f"/environments/{ready}/do/{action}"
    for fields in ({}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": "ä"}):
        data = {**fields, "confirm": ready, "duration": "3d"}
        assert look.http.post(address, data=data).status_code == 403
    assert look.http.get(address).status_code == 405
    assert serve.rows[ready] == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused_even_with_the_token(
    serve: Serve, look: Look, ready: str, headers: dict[str, str]
) -> None:
    before = serve.rows[ready]
    form = _form(_page(look), "park")
    token = form.one("input", name="csrf").attributes["value"]
    answer = look.http.post(form.attributes["action"], data={"csrf": token}, headers=headers)
    assert answer.status_code == 403
    assert serve.rows[ready] == before


# ── live ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_sends_the_parts_that_changed_and_no_form_that_is_being_filled_in(
    serve: Serve, look: Look, ready: str
) -> None:
    address = _page(look).one("div", hx_ext="sse").attributes["sse-connect"]
    with look.http.stream("GET", address) as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        lines = live.iter_lines()
        assert next(lines) == ": connected"
        serve.build("tyk", "other", "sha")
        serve.build("tyk", ready, "sha-2")
        event = parse_html(read_event(lines))
    parts = {e.attributes["id"] for e in event.walk() if e.attributes.get("hx-swap-oob") == "true"}
    assert parts == {"summary", "components", "history"}
    assert event.one("section", id="summary").one("span", class_="badge").text == "pending"
    assert "next: sha-2" in event.text


def test_progress_of_a_run_goes_to_its_page_and_costs_the_list_nothing(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    claim = serve.claim("sow")
    backend = counted_requests(serve, visitor())
    with looking(backend, serve.clock) as look:
        address = _page(look).one("div", hx_ext="sse").attributes["sse-connect"]
        with look.http.stream("GET", address) as live:
            lines = live.iter_lines()
            assert next(lines) == ": connected"
            backend.since()
            progress = {"text": "module.tyk created", "done": 3, "total": 12}
            assert serve.outcome(claim, "renew", progress=progress).status_code == 200
            event = parse_html(read_event(lines))
        assert event.one("progress").attributes["value"] == "3"
        assert "module.tyk created 3 of 12" in event.one("section", id="summary").text
        assert event.all("section") == [event.one("section", id="summary")]
        assert "/v1/overview" not in backend.since()[0]


def test_what_an_observer_reports_goes_to_the_page(serve: Serve, look: Look, ready: str) -> None:
    address = _page(look).one("div", hx_ext="sse").attributes["sse-connect"]
    epoch = serve.get(f"/v1/environments/{ready}")["epoch"]
    seen = {
        "name": ready,
        "epoch": epoch,
        "problems": [],
        "names": [{"component": "tyk", "state": "published"}],
        "health": [{"component": "tyk", "state": "warn", "reason": "redis is slow"}],
    }
    with look.http.stream("GET", address) as live:
        lines = live.iter_lines()
        assert next(lines) == ": connected"
        answer = serve.send("POST", "/v1/observations", {"environments": [seen]}, Role.WORKER)
        assert answer.json() == {"changed": 1}
        event = parse_html(read_event(lines))
    shown = event.one("section", id="components").text
    assert "DNS published" in shown
    assert "redis is slow" in shown


def test_a_list_counts_the_rows_that_it_does_not_have_instead_of_moving_its_own(
    serve: Serve, look: Look, ready: str
) -> None:
    address = look.get().one("div", hx_ext="sse").attributes["sse-connect"]
    with look.http.stream("GET", address) as live:
        lines = live.iter_lines()
        assert next(lines) == ": connected"
        serve.build("tyk", "a-new-one", "sha")
        event = parse_html(read_event(lines))
    assert event.all("tr") == []
    assert event.one("p", id="news").text == "1 more environment: show it"
    assert event.one("nav", id="counts").all("a")[0].text == "all 2"
    assert ready
