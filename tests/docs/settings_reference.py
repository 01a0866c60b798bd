"""Make the reference of settings (`make docs`)."""

from datetime import timedelta
from typing import Any

from gromit.config.fields import FieldDoc, fields
from gromit.core.time import format_duration

_HEAD = """\
# Settings

`make docs` generates this page from the settings themselves, and a test compares the two.

A flag overrides a variable, and a variable overrides the file.
The file is `--conf FILE`. Without the flag it is the first `config.yaml` in one of these folders:
`$XDG_CONFIG_HOME/gromit`, `~/.config/gromit`, `/conf/gromit`.
In the file, a dot in a name means nesting: `serve: {url: https://serve.internal}`.
Write a duration like `90s`, `37m`, `1h30m` or `2d`.
Separate the items of a list in a variable by commas.
An empty variable counts as unset.
`gromit config show` prints every value with its origin, and masks secrets.

The AWS SDK's own variables set region, credentials and endpoints of AWS
(`AWS_REGION`, `AWS_ENDPOINT_URL`, …).

| setting | variable | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(f"{_row(doc)}\n" for doc in fields())


def _row(doc: FieldDoc) -> str:
    meaning = (doc.field.description or "").replace("|", "\\|") + (
        " (secret)" if doc.secret else ""
    )
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
