"""Make the reference of metrics (`make docs`)."""

from gromit.core.metrics.definition import MetricDefinition, MetricKind, MetricLabel
from gromit.core.metrics.definitions import DEFINITIONS

_HEAD = """\
# Metrics

`make docs` generates this page from the definitions, and a test compares the two.

serve has its metrics at `/metrics` on `serve.health`, in the text format of Prometheus.
The gateway has them on `metrics.listen`, if that is set.
The addresses ask for no certificate: keep them inside.
In an installation the bastion reaches that of serve, and no environment does.

sow, reap and chitragupta are short tasks, which end before Prometheus could ask them.
They report each pass to serve, which counts it in its own metrics.
With --watch they run on.
If `metrics.listen` is set there, a watch counts its passes on that port and not at serve.
So each number is in one place, and sums over all ports count nothing twice.

Names, labels and values of labels stay from release to release.
No label has the name of an environment, a branch or a person.
Counters begin at 0 with the process, and `rate` and `increase` of Prometheus expect that.

"""
_TAIL = """\

## Of the process

Each port also has the metrics of the Python client: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_open_fds`, `process_start_time_seconds`, `python_…`.
"""


def page() -> str:
    """Return the whole page."""
    return f"{_HEAD}{''.join(map(_section, DEFINITIONS)).removeprefix(chr(10))}{_TAIL}"


def _section(definition: MetricDefinition) -> str:
    lines = [
        f"\n## {definition.name}\n",
        f"{definition.help}.\n",
        "| | |\n|---|---|",
        f"| type | {definition.kind} |",
        f"| unit | {definition.unit} |",
        f"| served by | {', '.join(definition.parts)} |",
        f"| values from | {definition.source} |",
        *(f"| label `{label.name}` | {_values(label)} |" for label in definition.labels),
    ]
    if definition.kind is MetricKind.HISTOGRAM:
        bounds = ", ".join(f"{bound:g}" for bound in definition.buckets)
        lines.append(f"| buckets | {bounds} |")
    return "\n".join(lines) + "\n"


def _values(label: MetricLabel) -> str:
    return label.meaning or ", ".join(f"`{value}`" for value in label.values)
