"""Print an environment."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click

from gromit.cli import CliContext
from gromit.cli.render import print_json, print_rows
from gromit.core.text import visible
from gromit.core.time import format_duration

_DIGEST_SHOWN = 12
"""Characters of a digest and of a commit that a table shows; JSON has all of them."""


def show_environment(run: CliContext, found: Mapping[str, Any]) -> None:
    """Print one environment."""
    if run.output == "json":
        print_json(found)
        return
    if "generation" not in found:
        click.echo(f"{found['name']} is gone")
        return
    # rich is slow to import, and JSON needs none of it.
    from gromit.cli.terminal import TIMES, console, phase_style, relative_time  # noqa: PLC0415

    out = console()
    for key in (
        "name",
        "phase",
        "protected",
        "generation",
        "observed",
        "created",
        "changed",
        "due",
    ):
        word = _word(found[key])
        if out.is_terminal and key in TIMES and word != "-":
            word = f"{word} ({relative_time(word)})"
        style = phase_style(word) if key == "phase" else None
        out.print(visible(f"{key:<11}{word}"), style=style)
    for name, text in _notes(found):
        out.print(visible(f"{name:<11}{text}"), markup=False)
    out.print()
    _show_versions(found, run.output)
    _show_components(found, run.output)


def _show_versions(found: Mapping[str, Any], output: str) -> None:
    """Print desired versions, and the ones that run if something was made."""
    rows = [
        {"repository": r, **v, "runs": v.get("made"), "why": _reason(found["name"], r, v)}
        for r, v in sorted(found["versions"].items())
    ]
    runs = ("runs",) if found.get("components") else ()
    print_rows(rows, ("repository", "version", *runs, "why"), output)


def _show_components(found: Mapping[str, Any], output: str) -> None:
    """Print images and addresses of what was made. Earlier releases recorded only addresses."""
    components: Mapping[str, Mapping[str, Any]] = found.get("components") or {}
    rows = [
        {
            "component": name,
            "image": _short((c["digest"] or "").removeprefix("sha256:")),
            "commit": _short(c["revision"]),
            "url": c["url"],
            "dns": _status(c["dns"]),
            "health": _status(c.get("health")),
        }
        for name, c in components.items()
    ]
    columns: tuple[str, ...] = ("component", "image", "commit", "url", "dns")
    if any(row["health"] for row in rows):
        columns = (*columns, "health")
    if not rows:
        rows = [{"component": c, "url": u} for c, u in found["urls"].items()]
        columns = ("component", "url")
    if found.get("parked"):
        rows = [{**row, "url": f"{row['url']} (parked)" if row["url"] else None} for row in rows]
    if rows:
        click.echo()
        print_rows(rows, columns, output)


def _status(found: Mapping[str, Any] | None) -> str | None:
    """Return the state of a name or of a program, with the reason."""
    if found is None:
        return None
    state, reason = found["state"], found["reason"]
    return f"{state}: {reason}" if reason else str(state)


def _short(text: str | None) -> str | None:
    return text[:_DIGEST_SHOWN] if text else None


def _notes(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield facts that not every environment has, with their names."""
    if "lifetime" in found:  # a serve of an earlier release has none
        ends = f"{found['expires']}: " if found["expires"] else "never: "
        yield "expires", f"{ends}{found['lifetime']}"
    if cost := cost_text(found):
        yield "cost", cost
    if error := found["error"]:
        found_class = f", {error['class']}" if "class" in error else ""
        yield "error", f"{error['kind']}{found_class}: {error['message']}"
        # A serve of an earlier release sends no output.
        for last in error.get("output", ()):
            yield from ((f"{last['component']} wrote", line) for line in last["lines"])
    yield from _degraded_notes(found)
    if found.get("outdated"):
        since, remedy = found["made"], f"`gromit env redeploy {found['name']}` applies it"
        yield "outdated", f"the catalogue or the stack has changed since {since}: {remedy}"
    if found.get("suspended"):
        yield "suspended", _suspension(found)
    yield from _work_notes(found)


def _degraded_notes(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what does not run or work, and the command that shows its last lines."""
    if degraded := found.get("degraded"):
        yield "degraded", f"since {degraded['since']}: {degraded['reason']}"
        components: Mapping[str, Mapping[str, Any]] = found.get("components") or {}
        for name in sorted(n for n, c in components.items() if c.get("problem")):
            yield f"{name} wrote", f"`gromit env logs {found['name']} {name} --previous` shows it"


def cost_text(found: Mapping[str, Any]) -> str:
    """Return what an environment costs; empty if it is not known."""
    cost = found.get("cost")  # a serve of an earlier release sends none
    if not cost:
        return ""
    rate = f"{cost['month']:.2f} $ a month while it runs"
    length = format_duration(timedelta(seconds=cost["ran_s"]))
    return f"{rate}, {cost['so_far']:.2f} $ so far, in {length} at today's sizes and prices"


def _work_notes(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield its sleep, the place in the queue, or the progress and the worker of the run."""
    if found.get("asleep"):  # a serve of an earlier release sends none
        yield "asleep", f"a build, or `gromit env wake {found['name']}`, wakes it"
    if queue := queue_text(found):
        yield "queue", queue
    if progress := progress_text(found):
        yield "progress", f"{progress}, at {found['progress']['at']}"
    if lease := found["lease"]:
        yield "worker", f"{lease['holder']} until {lease['until']}"


def progress_text(found: Mapping[str, Any]) -> str:
    """Return the progress of a run with its count; empty if there is none."""
    progress = found.get("progress")  # a serve of an earlier release has none
    if not progress:
        return ""
    count = _count(progress)
    return f"{progress['text']} [{count}]" if count else str(progress["text"])


def queue_text(found: Mapping[str, Any]) -> str:
    """Return the place in the queue, and the estimate; empty if it waits for no worker."""
    queue = found.get("queue")  # a serve of an earlier release has none
    if not queue:
        return ""
    place = f"place {queue['position']} of {queue['of']} in the queue"
    if queue["estimate_s"] is None:
        return place
    length = format_duration(timedelta(seconds=queue["estimate_s"]))
    return f"{place}, done in about {length} as runs went before"


def _count(progress: Mapping[str, Any]) -> str:
    return "" if progress["total"] is None else f"{progress['done']}/{progress['total']}"


def _reason(name: str, repository: str, version: Mapping[str, Any]) -> str:
    if reason := version.get("reason"):  # a serve of an earlier release has none
        return str(reason)
    if pinned := version.get("pinned"):
        return str(pinned)
    match version["source"]:
        case "reported":
            return (
                f"built from branch {version['ref']}" if version["ref"] else "set without a branch"
            )
        case "branch":
            return "the registry has an image of the branch"
        case _:
            return f"default branch ({repository} has no branch or image {name})"


def phase_and_suspension(found: Mapping[str, Any]) -> str:
    """Return the phase of an environment, and by whom, since when and why it is suspended."""
    halt = f", suspended {_suspension(found)}" if found.get("suspended") else ""
    return f"{found.get('phase', 'unknown')}{halt}"


def suspension_line(found: Mapping[str, Any]) -> str:
    """Return what is suspended, by whom, since when and why."""
    halt = found["suspended"]
    name = f"{halt['scope']} {halt['target']}" if halt["target"] else "processing"
    return visible(f"{name} is {halt['text']}")


def _suspension(found: Mapping[str, Any]) -> str:
    text: str = found["suspended"]["text"]
    return text.removeprefix("suspended").lstrip(" :")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of `env list`: reported versions, and the message of the last error."""
    versions = found.get("versions", {})  # an unreadable row has none
    reported = {r: v["version"] for r, v in sorted(versions.items()) if v["source"] != "default"}
    error, degraded = found["error"], found.get("degraded")
    trouble = error["message"] if error else degraded and degraded["reason"]
    marks = [mark for mark in ("suspended", "asleep") if found.get(mark)]
    phase = f"{found['phase']} ({', '.join(marks)})" if marks else found["phase"]
    if (progress := found.get("progress")) and (count := _count(progress)):
        phase = f"{phase} {count}"
    return {
        **found,
        "phase": phase,
        "versions": reported,
        "error": trouble,
    }


def actor(event: Mapping[str, Any]) -> str:
    """Return who made a change, and with what."""
    # A serve of an earlier release says no origin.
    origin = event.get("origin")
    return f"{event['actor']} ({origin})" if origin else str(event["actor"])
