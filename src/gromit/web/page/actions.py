"""Actions on an environment: roles that may do each, and the request that each form becomes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gromit.core.environments.phases import Phase, Want
from gromit.core.security.roles import is_allowed
from gromit.errors import InvalidInput
from gromit.web.page.backend import Visitor

Form = Mapping[str, str]
View = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAction:
    """One action, with the route of serve that does it."""

    word: str
    """Its word in the address of the form."""
    label: str
    text: str
    """One sentence that says what it does."""
    route: str
    method: str = "POST"
    is_offered: Callable[[View], bool] = lambda _: True
    body: Callable[[Form], dict[str, Any]] = lambda _: {}
    done: str = "Done."
    """Sentence after success."""

    def path(self, name: str) -> str:
        """Return the path of the request for an environment."""
        return self.route.replace("{name}", quote(name, safe=""))


def _redeploy(form: Form) -> dict[str, Any]:
    known = {key: form[key] for key in ("component", "mark") if form.get(key)}
    return dict(known)


def _rollback(form: Form) -> dict[str, Any]:
    """Return the body of a rollback, with the moment or version that was typed, if any."""
    to = form.get("to", "").strip()
    return {**_redeploy(form), **({"to": to} if to else {})}


def _extend(form: Form) -> dict[str, Any]:
    duration = form.get("duration", "").strip()
    if not duration:
        raise InvalidInput("no duration is given", hint="for example 12h, 3d or 1d12h")
    return {"duration": duration[:40]}


def _is_up(view: View) -> bool:
    return bool(view["want"] == Want.UP)


ACTIONS: tuple[PageAction, ...] = (
    PageAction(
        word="retry",
        label="Retry now",
        text="Make the failed work due at once.",
        route="/v1/environments/{name}/retry",
        is_offered=lambda view: view["error"] is not None,
        done="The retry was requested.",
    ),
    PageAction(
        word="redeploy",
        label="Redeploy",
        text="Start the components again, with updated default branches and config files.",
        route="/v1/environments/{name}/redeploy",
        is_offered=_is_up,
        body=_redeploy,
        done="The redeployment was requested.",
    ),
    PageAction(
        word="rollback",
        label="Roll back",
        text="Run the versions that ran before, until newer builds arrive.",
        route="/v1/environments/{name}/rollback",
        is_offered=lambda view: _is_up(view) and bool(view["components"]),
        body=_rollback,
        done="The rollback was requested.",
    ),
    PageAction(
        word="extend",
        label="Extend",
        text="Keep the environment for a time at least, counted from now.",
        route="/v1/environments/{name}/extend",
        is_offered=_is_up,
        body=_extend,
        done="The lifetime was extended.",
    ),
    PageAction(
        word="park",
        label="Park",
        text="Stop all tasks, and keep the row, the config and the data.",
        route="/v1/environments/{name}/park",
        is_offered=lambda view: _is_up(view) and not view["parked"],
        done="The environment will be parked.",
    ),
    PageAction(
        word="unpark",
        label="Unpark",
        text="Start the newest versions again.",
        route="/v1/environments/{name}/unpark",
        is_offered=lambda view: _is_up(view) and view["parked"],
        done="The environment will start.",
    ),
    PageAction(
        word="protect",
        label="Protect",
        text="Refuse its deletion, and never let it expire.",
        route="/v1/environments/{name}/protect",
        is_offered=lambda view: _is_up(view) and not view["protected"],
        done="The environment is protected.",
    ),
    PageAction(
        word="unprotect",
        label="Unprotect",
        text="Allow its deletion again.",
        route="/v1/environments/{name}/unprotect",
        is_offered=lambda view: _is_up(view) and view["protected"],
        done="The environment is no longer protected.",
    ),
    PageAction(
        word="delete",
        label="Delete",
        text="Destroy it after the grace period. A new build within that time revives it.",
        route="/v1/environments/{name}",
        method="DELETE",
        is_offered=lambda view: _is_up(view) and not view["protected"],
        done="The environment will be destroyed.",
    ),
)
"""Actions in the order of the page."""


def offered_actions(
    visitor: Visitor, view: View, routes: Collection[tuple[str, str]]
) -> tuple[PageAction, ...]:
    """Return the actions that a person may do now, of those that serve has a route for."""
    if view["phase"] == Phase.GONE:
        return ()
    return tuple(
        action
        for action in ACTIONS
        if (action.method, action.route) in routes
        and is_permitted(visitor, action, view)
        and action.is_offered(view)
    )


def is_permitted(visitor: Visitor, action: PageAction, view: View) -> bool:
    """Whether a person's role allows an action, and for a deletion one of the repositories."""
    if not is_allowed(visitor.role, action.method, action.route):
        return False
    if action.method != "DELETE" or visitor.repositories is None:
        return True
    reported = {r for r, v in view["versions"].items() if v["source"] == "reported"}
    return bool(reported & visitor.repositories)


def action_request(action: PageAction, name: str, form: Form) -> dict[str, Any] | None:
    """Return the body of an action's request; None has no body.

    Raises `InvalidInput` for a deletion without the typed name.
    """
    if action.method == "DELETE":
        if form.get("confirm", "").strip() != name:
            raise InvalidInput(
                "the typed name is not the name of the environment",
                hint=f"type {name} to delete it",
            )
        return None
    return action.body(form)
