"""Regenerate the pages that are made from the code: `python -m tests.docs`, or `make docs`."""

import sys
from collections.abc import Callable, Mapping

from tests.bench.report import write_page
from tests.docs import (
    cli_reference,
    events_reference,
    growth_reference,
    metrics_reference,
    settings_reference,
)
from tests.docs.markdown import DOCS

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/cli.md": cli_reference.page,
    "reference/events.md": events_reference.page,
    "reference/growth.md": growth_reference.page,
    "reference/metrics.md": metrics_reference.page,
    "reference/settings.md": settings_reference.page,
}


def main() -> None:
    """Write every page whose text has changed."""
    for path, page in PAGES.items():
        text = page()
        file = DOCS / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/{path}\n")
    for changed in write_page():
        sys.stdout.write(f"docs/{changed.relative_to(DOCS)}\n")


if __name__ == "__main__":
    main()
