"""Pages of a login, in plain HTML: no script, no style, and nothing from elsewhere."""

from html import escape

from starlette.responses import HTMLResponse

from gromit.core.security.people import Person
from gromit.errors import GromitError

_POLICY = (
    "default-src 'none'; form-action 'self' https: http://127.0.0.1:*; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def failure_page(error: GromitError, status: int) -> HTMLResponse:
    """Say why a login failed, and offer another try."""
    hint = f"<p>{escape(error.hint)}</p>" if error.hint else ""
    body = f'<p>{escape(error.message)}</p>{hint}<p><a href="/login">Log in</a></p>'
    return _page("Not logged in", body, status)


def logout_page(person: Person | None, field: str, proof: str) -> HTMLResponse:
    """Ask a person whether to log out, or say that no one is logged in."""
    if person is None:
        return _page("Logged out", '<p><a href="/login">Log in</a></p>', 200)
    body = (
        f"<p>You are logged in as {escape(person.name)}, in the role {escape(person.role)}.</p>"
        f'<form method="post" action="/logout">'
        f'<input type="hidden" name="{field}" value="{escape(proof)}">'
        "<button>Log out</button></form>"
    )
    return _page("Log out", body, 200)


def _page(title: str, body: str, status: int) -> HTMLResponse:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} - gromit</title>'
        f'<meta name="viewport" content="width=device-width"><main><h1>{title}</h1>{body}</main>'
    )
    return HTMLResponse(text, status, HEADERS)
