"""Logs: named events with data on standard error, as JSON or, on a terminal, as text.

Results of commands go to standard output, never here.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

TRACE = 5
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LONGEST = 2000
"""Characters of one value."""
_LONGEST_TRACE = 20_000
"""Characters of a traceback: its last ones."""
_NOISY = ("botocore", "boto3", "urllib3", "httpcore", "httpx2", "httpcore2", "uvicorn.access")
"""Loggers of libraries whose lines below warning are not shown."""

_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgromit_[A-Za-z0-9_-]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    re.DOTALL,
)


def mask(text: str) -> str:
    """Return `text` with secrets replaced by `***`.

    Secrets are private keys, AWS keys, GitHub and gromit tokens, and JWTs.
    """
    return _SECRETS.sub("***", text)


def configure_logging(level: str, form: str) -> None:
    """Send all logs of this process, also those of libraries, to standard error."""
    is_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _clean,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    finish: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _clean,
        _renderer(is_text=is_text),
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=finish)
    )
    logging.addLevelName(TRACE, "TRACE")
    logging.root.handlers = [handler]
    set_level(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Set the level: trace, debug, info, warn or error."""
    logging.root.setLevel(LEVELS[level])


def get_level() -> str:
    """Return the present level."""
    current = logging.root.level
    return next((name for name, number in LEVELS.items() if number == current), "info")


def _renderer(*, is_text: bool) -> structlog.typing.Processor:
    if is_text:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(default=str)


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every value. Runs twice: a traceback becomes text only at the end of the pipeline."""
    for key, value in event.items():
        if key == "exception":
            event[key] = mask(str(value))[-_LONGEST_TRACE:]
        elif key not in {"exc_info", "_record", "_from_structlog"}:
            event[key] = _cleaned(value)
    return event


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return mask(value)[:_LONGEST]
        case dict():
            return {key: _cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return mask(str(value))[:_LONGEST]
