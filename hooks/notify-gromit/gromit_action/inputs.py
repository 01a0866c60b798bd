"""Inputs of the action, and the event that started the workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gromit_action.exchange import Wrong, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_S, LONGEST_S = 300.0, 3600.0
TIMEOUT_S, TIMEOUT_MAX_S = 1800.0, 6 * 3600.0
"""Default and greatest time that a job waits for its environment."""


def gateway_url(variables: Mapping[str, str]) -> str:
    """Return the gateway's address without a slash at its end.

    Raises `Wrong` unless a token may be sent there.
    """
    url = variables.get("NOTIFY_URL", "").strip().rstrip("/")
    try:
        parts = urlsplit(url)
        odd = (
            parts.username
            or parts.query
            or parts.fragment
            or parts.port == 0
            or not url.isprintable()
            or " " in url
        )
    except ValueError:
        parts, odd = urlsplit(""), True
    if odd or not parts.hostname or not is_safe(url):
        raise Wrong(
            "the input url is not the address of a gateway: write it like https://gateway.example.com"
        )
    return url


def is_safe(url: str) -> bool:
    """Whether a token may be sent to an address: over TLS, or within this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def patience(variables: Mapping[str, str]) -> float:
    """Return the time limit for all attempts of a report, in seconds. Raises `Wrong`."""
    return _seconds(variables, "NOTIFY_PATIENCE", PATIENCE_S, LONGEST_S)


def timeout(variables: Mapping[str, str]) -> float:
    """Return the longest wait for an environment, in seconds. Raises `Wrong`."""
    return _seconds(variables, "NOTIFY_TIMEOUT", TIMEOUT_S, TIMEOUT_MAX_S)


def _seconds(variables: Mapping[str, str], name: str, default: float, most: float) -> float:
    text = variables.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or float(text) > most:
        raise Wrong(f"the input {_input(name)} is not a number of seconds up to {most:.0f}")
    return float(text)


def is_set(variables: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Return an input that is true or false. Raises `Wrong` for another word."""
    text = variables.get(name, "").strip().lower()
    if text not in {"", "true", "false"}:
        raise Wrong(f"the input {_input(name)} is neither true nor false")
    return default if not text else text == "true"


def _input(variable: str) -> str:
    return variable.removeprefix("NOTIFY_").lower()


def read_event(variables: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return name and payload of the event. Raises `Wrong` outside of a workflow."""
    try:
        event, path = variables["GITHUB_EVENT_NAME"], variables["GITHUB_EVENT_PATH"]
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError) as error:
        raise Wrong(f"there is no event of GitHub Actions: {error!r}") from None
    return event, payload if isinstance(payload, dict) else {}
