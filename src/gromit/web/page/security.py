"""Headers of every answer of the page, and the check that a form comes from the page itself."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from gromit.web.page.backend import Visitor

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FIELDS_MAX = 20


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; the last one of a name counts."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        return {}


def forgery(
    request: Request, visitor: Visitor, form: Mapping[str, str], own: str | None
) -> str | None:
    """Return why a form does not come from the page itself; None if it does.

    `own` is the origin of the page; None: that of the Host header.
    """
    origin = request.headers.get("origin")
    host = request.headers.get("host") if own is None else urlsplit(own).netloc
    if origin is not None and urlsplit(origin).netloc != host:
        return "the form comes from another site"
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return "the form comes from another site"
    if not hmac.compare_digest(form.get("csrf", "").encode(), visitor.csrf.encode()):
        return "the form is not of your present session"
    return None
