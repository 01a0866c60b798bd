"""Makes the reference of settings: `python -m tests.docs.settings_reference > docs/reference/settings.md`."""

import sys
from datetime import timedelta
from typing import Any

from gromit.config.schema import FieldDoc, fields
from gromit.core.time import format_duration

_HEAD = """\
# Settings

This page is made from the settings themselves (`python -m tests.docs.settings_reference`), and a test compares the two.

A flag beats a variable, a variable beats the file.
The file is `--conf FILE`, else the first `config.yaml` in `$XDG_CONFIG_HOME/gromit`, `~/.config/gromit`, `/conf/gromit`.
Settings with a dot in their name are nested there: `serve: {url: https://serve.internal}`.
Lengths of time are written like `90s`, `37m`, `1h30m` or `2d`, lists in a variable are separated by commas.
An empty variable counts as unset.
`gromit config show` prints every value and where it came from, with secrets masked.

Region, credentials and endpoints of AWS are the AWS SDK's own variables (`AWS_REGION`, `AWS_ENDPOINT_URL`, …).

| setting | variable | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(f"{_row(doc)}\n" for doc in fields())


def _row(doc: FieldDoc) -> str:
    meaning = (doc.field.description or "").replace("|", "\\|") + (" (secret)" if doc.secret else "")
    return f"| `{doc.path}` | `{doc.variable}` | {_default(doc.field.default)} | {meaning} |"


def _default(value: Any) -> str:
    match value:
        case None | ():
            return "-"
        case timedelta():
            return f"`{format_duration(value)}`"
        case tuple():
            return f"`{','.join(value)}`"
        case _:
            return f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
