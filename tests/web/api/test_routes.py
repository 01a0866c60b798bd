"""Routes of serve: one hand-over to a thread, and the answers that their types describe."""

import json
from typing import Any

import anyio.to_thread
import pytest
from fastapi import Response
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gromit.core.environments.environment import parse_environment
from gromit.core.environments.row_writes import Row
from gromit.core.security.roles import Role
from gromit.web.api.app import ROUTERS
from gromit.web.api.routes import DirectRoute, new_router
from gromit.web.api.v1 import EnvironmentList, HistoryView
from gromit.web.api.views import event
from tests.web.api.test_views import BASE, LEASE, NOW, PROBLEMS, VIEWS
from tests.web.serving import Serve

_TEXTS = st.text(max_size=8)
_INSTANTS = st.integers(0, 2 * NOW)
_MADE = st.fixed_dictionaries(
    {"version": _TEXTS},
    optional={"repository": _TEXTS, "digest": _TEXTS, "port": st.integers(1, 65535)},
)
_ROWS = st.builds(
    lambda *parts: {key: value for part in (BASE, *parts) for key, value in part.items()},
    st.fixed_dictionaries({"v#gw": _TEXTS, "s#gw": st.integers(0), "observed": st.integers(0, 3)}),
    st.sampled_from([{}, LEASE, PROBLEMS, {"parked": True}, {"want": "gone", "gone_at": NOW}]),
    st.fixed_dictionaries(
        {},
        optional={
            "v#other": _TEXTS,
            "n#gw": _TEXTS,
            "protected_by": _TEXTS,
            "made": st.fixed_dictionaries(
                {
                    "at": _INSTANTS,
                    "recipe": _TEXTS,
                    "components": st.dictionaries(st.sampled_from(["gw", "pump", "x"]), _MADE),
                }
            ),
            "last_error": st.fixed_dictionaries(
                {"kind": _TEXTS, "message": _TEXTS, "at": _INSTANTS}
            ),
            "events": st.lists(
                st.fixed_dictionaries(
                    {"at": _INSTANTS, "actor": _TEXTS, "kind": _TEXTS, "text": _TEXTS},
                    optional={"origin": _TEXTS, "took": st.integers(0)},
                ),
                max_size=3,
            ),
        },
    ),
)


def _route(kind: Any) -> DirectRoute:
    route = DirectRoute("/x", lambda: None, response_model=kind)
    assert route.response_field is not None
    return route


_LIST, _HISTORY = _route(EnvironmentList), _route(HistoryView)


@given(row=_ROWS)
def test_an_answer_is_the_one_that_a_check_of_its_type_would_give(row: Row) -> None:
    environment = parse_environment(row)
    listing = EnvironmentList([VIEWS.detail(environment, NOW)], [], [], [], None)
    history = HistoryView(environment.name, [event(e) for e in environment.events])
    for route, found in ((_LIST, listing), (_HISTORY, history)):
        types: TypeAdapter[Any] = TypeAdapter(type(found))
        answer = route.answer_of(found)
        assert isinstance(answer, Response)
        assert answer.body == types.dump_json(types.validate_python(found), by_alias=True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/environments", None),
        ("GET", "/v1/environments/one-thread", None),
        ("GET", "/env/one-thread", None),
        ("PATCH", "/env/one-thread", {"tyk": "sha-2"}),
        ("POST", "/newbuild", {"repo": "tyk", "ref": "refs/heads/one-thread", "sha": "sha-3"}),
        ("GET", "/v1/whoami", None),
    ],
)
def test_a_request_is_handed_to_a_thread_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    build = {"repo": "tyk", "ref": "refs/heads/one-thread", "sha": "sha-1"}
    serve.client(Role.GATEWAY).post("/newbuild", json=build).raise_for_status()
    handed: list[Any] = []
    run_sync = anyio.to_thread.run_sync

    async def counted(function: Any, *arguments: Any, **options: Any) -> Any:
        handed.append(function)
        return await run_sync(function, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    client = serve.client(Role.GATEWAY if path == "/newbuild" else Role.OPERATOR)
    client.request(method, path, json=body).raise_for_status()
    assert len(handed) == 1


def test_an_application_has_each_route_once_and_no_router_between(serve: Serve) -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    assert serve.app.routes == routes
    assert all(isinstance(route, APIRoute) for route in routes)


def test_a_route_may_write_its_own_answer() -> None:
    router = new_router("/v1")

    @router.get("/answers", status_code=202)
    def answers() -> dict[str, str]:
        return {"a": "ä"}

    route = router.routes[0]
    assert isinstance(route, DirectRoute)
    answer = route.endpoint()
    assert (answer.status_code, json.loads(answer.body)) == (202, {"a": "ä"})
    assert answer.headers["content-type"] == "application/json"
    assert route.answer_of(answer) is answer
