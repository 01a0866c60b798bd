"""HTML from templates. Every text is escaped, and characters that hide or turn text are shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined
from markupsafe import Markup

from gromit.core.text import visible
from gromit.core.time import Millis, parse_iso

STATIC = files("gromit.web.page") / "static"
TYPES: Mapping[str, str] = {
    "htmx.min.js": "text/javascript; charset=utf-8",
    "sse.min.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Files that the page serves, and their types."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@cache
def static_file(name: str) -> bytes:
    """Return the content of a file that the page serves."""
    return (STATIC / name).read_bytes()


def static_address(name: str) -> str:
    """Return the address of a file; it changes with the content."""
    return f"/page/{name}?{sha256(static_file(name)).hexdigest()[:12]}"


def span(seconds: float) -> str:
    """Return a duration in its two greatest units, such as `3 d 4 h`."""
    whole = int(seconds)
    if whole >= _DAY:
        days, rest = divmod(whole, _DAY)
        return f"{days} d {rest // _HOUR} h" if days < 10 else f"{days} d"
    if whole >= _HOUR:
        hours, rest = divmod(whole, _HOUR)
        return f"{hours} h {rest // _MINUTE} min"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE} min"
    return f"{whole} s"


def relative(text: str, now_ms: Millis) -> str:
    """Return an instant relative to now, such as `3 min ago` or `in 2 h 5 min`."""
    seconds = (parse_iso(text) - now_ms) / 1000
    if abs(seconds) < 1:
        return "now"
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def is_past(text: str, now_ms: Millis) -> bool:
    """Whether an instant has come."""
    return parse_iso(text) <= now_ms


def absolute(text: str) -> str:
    """Return an instant for people, such as `2026-01-31 08:15:00 UTC`."""
    at = datetime.fromtimestamp(parse_iso(text) / 1000, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _shown(value: object) -> object:
    """Return a value as text whose unsafe characters are visible; markup stays as it is."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    return visible(value, keep="\n") if isinstance(value, str) else value


@cache
def _templates() -> Templates:
    made = Templates(
        loader=PackageLoader("gromit.web.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {"relative": relative, "absolute": absolute, "span": span, "is_past": is_past}
    made.globals |= {"static": static_address}
    return made


def render(template: str, **values: Any) -> str:
    """Return a template with values."""
    return _templates().get_template(template).render(values)
