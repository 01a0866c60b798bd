"""The list of all environments before a real serve: rows, filters, pages, and hostile texts."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pytest
from starlette.requests import Request

from gromit.core.environments.phases import UNREADABLE, Phase
from gromit.core.security.roles import Role
from gromit.core.time import Millis, iso
from gromit.web.gateway.upstream import UpstreamResponse
from gromit.web.page.backend import Visitor
from gromit.web.page.rows import PAGE_ROWS, EnvironmentRow, ListQuery, environment_row, select_rows
from gromit.web.page.security import CONTENT_SECURITY_POLICY
from tests.web.page.looking import (
    Element,
    Look,
    counted_requests,
    fill,
    look_as,
    looking,
    parse_html,
    read_event,
    visitor,
)
from tests.web.serving import Certificates, Emulator, Serve, serving

HOSTILE = "<script>alert('1')</script>\" onload=x \u202e\u2066 &amp; " + "long" * 400


@pytest.fixture
def look(serve: Serve) -> Iterator[Look]:
    with look_as(serve) as page:
        yield page


def _row(page: Element, name: str) -> Element:
    return page.one("tr", id=f"env-{name}")


def _names(page: Element) -> list[str]:
    rows = (e.attributes.get("id", "") for e in page.all("tr"))
    return [row.removeprefix("env-") for row in rows if row.startswith("env-")]


def test_a_row_shows_phase_builds_owner_and_times_with_their_absolute_values(
    serve: Serve, look: Look
) -> None:
    serve.build("tyk", "app-test", "sha-1")
    serve.clock.advance(s=7200)
    row = _row(look.get(), "app-test")
    assert row.one("a", href="/environments/app-test").text == "app-test"
    assert row.one("span", class_="is-pending").text == "pending"
    assert row.one("ul", class_="versions").text == "tyk sha-1"
    assert row.one("td", class_="owner").text.startswith("gateway:")
    age, changed, expires = row.all("time")
    made = iso(serve.clock.now - 7_200_000)
    assert (age.text, age.attributes["datetime"]) == ("2 h 0 min", made)
    assert (changed.text, changed.attributes["datetime"]) == ("2 h 0 min ago", made)
    assert expires.text == "in 13 d"
    assert changed.attributes["title"].endswith(" UTC")


def test_an_empty_list_says_what_will_fill_it(look: Look) -> None:
    page = look.get()
    assert "There are no environments yet." in page.one("div", class_="empty").text
    assert "No environment matches." in look.get("/?search=x").one("div", class_="empty").text


def test_counts_link_to_their_phases_and_deleted_ones_are_not_in_the_default(
    serve: Serve, look: Look
) -> None:
    for name in ("one", "two", "three"):
        serve.put_environment(name)
    serve.put_environment("old", gone=True)
    serve.dynamodb.update_item(
        TableName=serve.settings.tablename,
        Key={"name": {"S": "old"}},
        UpdateExpression="SET gone_at = :at REMOVE #work",
        ExpressionAttributeNames={"#work": "work"},
        ExpressionAttributeValues={":at": {"N": "1"}},
    )
    page = look.get()
    assert _names(page) == ["one", "three", "two"]
    counts = [link.text for link in page.one("nav", id="counts").all("a")]
    assert counts[0] == "all 3"
    assert "gone 1" in counts
    assert _names(look.get("/?phase=gone")) == ["old"]


def test_a_damaged_row_is_in_the_list_with_its_reason(serve: Serve, look: Look) -> None:
    serve.build("tyk", "damaged", "sha")
    serve.damage("damaged")
    row = _row(look.get(), "damaged")
    assert row.one("span", class_="is-unreadable").text == UNREADABLE
    assert "cannot be read" in row.text


def test_every_text_of_others_is_escaped_and_shows_what_turns_it(serve: Serve, look: Look) -> None:
    serve.build("tyk", "hostile", "sha")
    serve.outcome(serve.claim("sow"), "fail", message=HOSTILE)
    serve.send("PATCH", "/env/hostile", {"tyk-pump": "1<b>'\"&x"})
    reason = HOSTILE[:500]
    serve.send("POST", "/v1/suspensions", {"scope": "all", "reason": reason})
    for path in ("/", "/environments/hostile", "/platform", "/?search=%3Cscript%3E%22"):
        answer = look.http.get(path)
        assert answer.status_code == 200
        page = parse_html(answer.text)
        assert len(page.all("script")) == 2
        assert not any(name.startswith("on") for e in page.walk() for name in e.attributes)
        assert not {"\u202e", "\u2066"} & set(answer.text)
    assert "<script>" in look.get().one("div", id="suspensions").text
    assert (
        "\\u202e" in look.get("/?search=%E2%80%AE").one("input", name="search").attributes["value"]
    )


def test_every_answer_has_the_policy_and_nothing_inline(serve: Serve, look: Look) -> None:
    serve.build("tyk", "app-test", "sha")
    paths = ("/", "/environments/app-test", "/platform", "/environments/none", "/page/style.css")
    for path in (*paths, "/page/none", "/page/htmx.min.js"):
        answer = look.http.get(path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    for path in paths[:4]:
        page = parse_html(look.http.get(path).text)
        assert page.all("style") == []
        assert all(script.text == "" for script in page.all("script"))
        assert not any("style" in e.attributes for e in page.walk())
        ids = [e.attributes["id"] for e in page.walk() if "id" in e.attributes]
        assert len(ids) == len(set(ids))


def test_files_are_kept_by_browsers_and_sent_compressed(look: Look) -> None:
    answer = look.http.get("/page/htmx.min.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert look.http.get("/").headers["cache-control"] == "no-store"


def test_a_suspension_is_on_every_page(serve: Serve, look: Look) -> None:
    serve.build("tyk", "app-test", "sha")
    assert look.get().one("div", id="suspensions").text == ""
    serve.send("POST", "/v1/suspensions", {"scope": "all", "reason": "an incident"})
    serve.clock.advance(s=61)
    for path in ("/", "/environments/app-test", "/platform"):
        assert "an incident" in look.get(path).one("div", id="suspensions").text
    assert _row(look.get(), "app-test").all("span", class_="tag")[0].text == "suspended"


class Costs:
    """Costs of views and changes, as a table for people."""

    def __init__(self) -> None:
        self._lines = ["", f"{'1,000 environments':<30}{'bytes':>9}{'requests':>10}{'CPU ms':>9}"]
        self._began = 0.0

    def begin(self) -> None:
        """Begin to count the CPU time of this process: page, serve and the client of the test."""
        self._began = time.process_time()

    def end(self, what: str, size: int, paths: Sequence[str]) -> None:
        """Add a line."""
        spent = (time.process_time() - self._began) * 1000
        self._lines.append(f"{what:<30}{size:>9,}{len(paths):>10}{spent:>9.1f}")

    def table(self) -> str:
        """Return the table."""
        return "\n".join(self._lines)


@pytest.mark.long
def test_a_thousand_environments_cost_serve_two_requests_and_a_change_costs_one(
    emulator: Emulator, certificates: Certificates, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print what it costs, for docs/how-to/the-page.md; only bytes and requests are judged."""
    costs = Costs()
    with serving(emulator, certificates) as serve:
        names = fill(serve, 1000)
        backend = counted_requests(serve, visitor())
        with looking(backend, serve.clock) as look:
            costs.begin()
            first = look.http.get("/", headers={"accept-encoding": "identity"})
            paths, size = backend.since()
            costs.end("first view", len(first.content), paths)
            assert paths == ["/v1/whoami", *["/v1/overview"] * 2], (
                "the table has two pages of 500 rows"
            )
            assert size < 400_000
            page = parse_html(first.text)
            assert _names(page) == names[:PAGE_ROWS]
            assert "1000 environments, page 1 of 10" in page.one("nav", class_="pages").text
            costs.begin()
            packed = look.http.get("/", headers={"accept-encoding": "gzip"})
            costs.end("each other view, compressed", int(packed.headers["content-length"]), [])
            assert _names(look.get("/?page=10"))[-1] == "env-0999"
            assert _names(look.get("/?search=env-0500")) == ["env-0500"]
            assert backend.since() == ([], 0), "further views cost serve nothing"
            name = names[50]
            with look.http.stream(
                "GET", page.one("div", hx_ext="sse").attributes["sse-connect"]
            ) as live:
                lines = live.iter_lines()
                assert next(lines) == ": connected"
                costs.begin()
                serve.send("POST", f"/v1/environments/{name}/protect")
                event = read_event(lines)
            paths = backend.since()[0]
            costs.end("each change", len(event), paths)
            assert paths == ["/v1/overview"], "a change costs one request"
            assert f'id="env-{name}"' in event
            assert len(event) < 3000
    with capsys.disabled():
        print(costs.table())  # noqa: T201 - the purpose of the test


class _ManyRows:
    """A host of the page before a serve with a thousand environments."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def send(
        self,
        _request: Request | None,
        _method: str,
        path: str,
        _body: Mapping[str, Any] | None = None,
    ) -> UpstreamResponse:
        self.paths.append(path)
        start = 500 if "cursor" in path else 0
        page = {
            "environments": [_brief(number) for number in range(start, start + 500)],
            "set_aside": [],
            "missing": [],
            "suspensions": [],
            "next": None if start else "env-0499",
        }
        return UpstreamResponse(200, json.dumps(page).encode(), "application/json")

    async def changes(self) -> AsyncIterator[str]:
        yield ": connected"
        await asyncio.Event().wait()

    async def visitor(self, _request: Request) -> Visitor | None:
        return visitor(Role.VIEWER)


def _brief(number: int) -> dict[str, Any]:
    """Return a row whose texts are as different as those of a real one."""
    digest = sha256(str(number).encode()).hexdigest()
    at = iso(1_790_000_000_000 + 86_400_000 * (number % 14) + 977 * number)
    return {
        "name": f"env-{number:04}-{digest[:8]}",
        "phase": "ready",
        "versions": {"tyk": f"sha-{digest[8:20]}", "tyk-analytics": f"sha-{digest[20:32]}"},
        "owner": f"person-{digest[32:35]}@example.com",
        "created": at,
        "changed": at,
        "expires": iso(1_800_000_000_000 + 977_000 * number),
        "protected": False,
        "trouble": None,
        "suspended": None,
        "components": 9,
    }


def test_a_thousand_rows_come_in_pages_and_are_read_once() -> None:
    host = _ManyRows()
    with looking(host, lambda: Millis(1_795_000_000_000)) as look:
        first = look.http.get("/", headers={"accept-encoding": "identity"})
        assert host.paths == ["/v1/whoami", "/v1/overview", "/v1/overview?cursor=env-0499"]
        page = parse_html(first.text)
        assert len(_names(page)) == PAGE_ROWS
        assert "1000 environments, page 1 of 10" in page.one("nav", class_="pages").text
        assert len(first.content) < 110_000
        assert len(look.http.get("/", headers={"accept-encoding": "gzip"}).content) < 110_000
        assert len(gzip.compress(first.content, 5)) < 14_000
        assert _names(look.get("/?page=10"))[-1].startswith("env-0999")
        assert len(_names(look.get("/?search=env-0500"))) == 1
        assert len(_names(look.get("/?sort=age&order=down&owner=person"))) == PAGE_ROWS
        assert len(host.paths) == 3, "further views cost serve nothing"


# ── filters, without a server ─────────────────────────────────────────────────────────────────────

ROWS = [
    EnvironmentRow(name="app-a", phase=Phase.READY, versions={"tyk": "v1"}, owner="token t1"),
    EnvironmentRow(
        name="app-b", phase=Phase.FAILED, versions={"tyk-pump": "v2"}, trouble="No image"
    ),
    EnvironmentRow(name="demo", phase=Phase.GONE, owner="ann", expires="2026-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ({}, ["app-a", "app-b"]),
        ({"phase": "gone"}, ["demo"]),
        ({"phase": "no such phase"}, ["app-a", "app-b"]),
        ({"prefix": "app-b"}, ["app-b"]),
        ({"repository": "tyk-pump"}, ["app-b"]),
        ({"owner": "T1"}, ["app-a"]),
        ({"search": "no IMAGE"}, ["app-b"]),
        ({"search": "v1"}, ["app-a"]),
        ({"sort": "name", "order": "down"}, ["app-b", "app-a"]),
        ({"sort": "phase"}, ["app-a", "app-b"]),
        ({"sort": "owner", "order": "down"}, ["app-b", "app-a"]),
        ({"sort": "no such order", "page": "x"}, ["app-a", "app-b"]),
        ({"page": "999"}, ["app-a", "app-b"]),
        ({"page": "²"}, ["app-a", "app-b"]),
    ],
)
def test_an_address_selects_rows(address: Mapping[str, str], names: list[str]) -> None:
    selection = select_rows(ROWS, ListQuery.parse(address))
    assert [row.name for row in selection.rows] == names


def test_counts_obey_the_other_filters() -> None:
    selection = select_rows(ROWS, ListQuery.parse({"prefix": "app", "phase": "failed"}))
    assert (dict(selection.counts), selection.live, selection.total) == (
        {"ready": 1, "failed": 1},
        2,
        1,
    )


def test_an_address_keeps_the_filters_and_drops_what_is_as_by_default() -> None:
    query = ListQuery.parse({"search": "a&b", "phase": "ready", "page": "3"})
    assert query.address() == "?phase=ready&search=a%26b"
    assert query.address(page=2) == "?phase=ready&search=a%26b&page=2"
    assert query.address(phase="", search="") == "?"
    assert query.sorted_by("name") == "?phase=ready&search=a%26b&order=down"
    assert query.sorted_by("age") == "?phase=ready&search=a%26b&sort=age"


def test_a_row_of_a_later_serve_may_have_more_fields() -> None:
    row = environment_row(json.loads('{"name": "a", "phase": "dreaming", "more": 1}'))
    assert select_rows([row], ListQuery(sort="phase")).rows == (row,)


def test_viewers_and_developers_see_the_same_list(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    for role in (Role.VIEWER, Role.DEVELOPER):
        with look_as(serve, role) as look:
            page = look.get()
            assert _names(page) == ["app-test"]
            assert page.one("p", class_="person").text == f"ann {role}"
