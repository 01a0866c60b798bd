"""Logs: named events with data on standard error, as JSON or, on a terminal, as text.

Results of commands go to standard output, never here. structlog takes a third of a short command's
start, so it is imported with the first line that is written.
"""

import logging
import os
import re
import sys
from collections.abc import Callable, MutableMapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import Processor

TRACE = 5
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
AUDIT = "gromit.audit"
"""Logger of the audit: changes, refusals and changes of the log level."""
_LONGEST = 2000
"""Characters of one value."""
_LONGEST_TRACE = 20_000
"""Characters of a traceback: its last ones."""
_NOISY = ("botocore", "boto3", "urllib3", "httpcore", "httpx2", "httpcore2", "uvicorn.access")
"""Loggers of libraries whose lines below warning are not shown."""

_LEFT_OUT = ("rich", "better_exceptions", "greenlet")
"""Libraries without which structlog works."""

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


def import_lean_structlog() -> None:
    """Import structlog without what only its tracebacks for terminals use, which we do not print.

    With rich and all that it imports, a process takes 8 MB and some 0.05 s of CPU more. Only a
    process that has no other thread yet may call it: what is left out cannot be imported meanwhile.
    """
    if "structlog" in sys.modules:
        return
    left_out = [name for name in _LEFT_OUT if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type] # None: not to be found
    try:
        import_module("structlog")
    finally:
        for name in left_out:
            del sys.modules[name]


class Logger:
    """A structlog logger that is made when it first writes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog  # noqa: PLC0415 - see the module

        _pipeline.apply()
        return getattr(structlog.get_logger(self._name), method)


def get_logger(name: str) -> Logger:
    """Return a module's logger. Modules that short commands import use it, not structlog's."""
    return Logger(name)


def has_colors() -> bool:
    """Whether standard error is a terminal that shows colours, to a user who wants them."""
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not refused and sys.stderr.isatty()


def configure_logging(level: str, form: str) -> None:
    """Send all logs of this process, also those of libraries, to standard error."""
    is_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(text=is_text))
    logging.addLevelName(TRACE, "TRACE")
    logging.root.handlers = [handler]
    set_level(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _pipeline.pending = _configure_structlog
    if "structlog" in sys.modules:
        _pipeline.apply()


class _Pipeline:
    """The configuration of structlog that still has to be applied."""

    pending: Callable[[], None] | None = None

    def apply(self) -> None:
        """Apply it, if there is one."""
        pending = self.pending
        if pending:
            pending()  # two threads may do so at once; the second changes nothing
            self.pending = None


class _Formatter(logging.Formatter):
    """Formats records through structlog, which the first of them imports."""

    def __init__(self, *, text: bool) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        import structlog  # noqa: PLC0415 - see the module

        renderer: Processor = structlog.processors.JSONRenderer(default=str)
        if self._text:
            renderer = structlog.dev.ConsoleRenderer(
                colors=has_colors(), exception_formatter=structlog.dev.plain_traceback
            )
        finish: list[Processor] = [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _clean,
            renderer,
        ]
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(), processors=finish
        )


def _configure_structlog() -> None:
    import structlog  # noqa: PLC0415 - see the module

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _shared_processors() -> "list[Processor]":
    """Processors of our own events and of libraries' records."""
    import structlog  # noqa: PLC0415 - see the module

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _clean,
    ]


_pipeline = _Pipeline()


def set_level(level: str) -> None:
    """Set the level: trace, debug, info, warn or error."""
    logging.root.setLevel(LEVELS[level])


def keep_audit() -> None:
    """Write the audit whatever level is set now or later. A server calls this as it starts."""
    logging.getLogger(AUDIT).setLevel(logging.INFO)


def get_level() -> str:
    """Return the present level."""
    current = logging.root.level
    return next((name for name, number in LEVELS.items() if number == current), "info")


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
