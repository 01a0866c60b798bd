"""Contents of `--help` beyond each command's own text: groups of commands, and examples."""

from collections.abc import Mapping, Sequence

import click

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Environments": ("env", "ui", "login", "logout", "whoami", "completion"),
    "Operation": (
        "suspend",
        "resume",
        "plan",
        "cost",
        "audit",
        "doctor",
        "cluster",
        "terraform",
        "secrets",
        "token",
        "pki",
        "migrate",
    ),
    "Parts of an installation": ("serve", "gateway", "sow", "reap", "chitragupta"),
    "Setup": ("local", "config", "catalogue", "root"),
}
"""Commands by group, in the order of `gromit --help`."""
OTHERS = "Other commands"
ENV_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Show": ("list", "get", "explain", "history", "diff", "logs", "exec", "open", "watch", "wait"),
    "Change": (
        "set",
        "create",
        "replace",
        "redeploy",
        "rollback",
        "retry",
        "park",
        "unpark",
        "wake",
    ),
    "Keep and remove": ("protect", "unprotect", "extend", "delete", "unlock"),
}
"""Commands of `gromit env` by group."""
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "": (
        "gromit env list",
        "gromit env wait app-test",
        'eval "$(gromit completion bash)"',
    ),
    "audit": (
        "gromit audit --environment app-test --since 7d",
        "gromit audit --by ada@example.com -o json",
    ),
    "cluster show": ("gromit cluster show app-test",),
    "doctor": ("gromit doctor aws", "gromit doctor environments"),
    "env": ("gromit env list --phase ready,failed", "gromit env get app-test -o json"),
    "env create": (
        "gromit env create demo tyk=2b3c4d",
        "gromit env create demo --from app-test",
    ),
    "env diff": ("gromit env diff app-test master", "gromit env diff app-test 2h"),
    "env exec": (
        "gromit env exec app-test tyk",
        "gromit env exec app-test tyk -- ls -l /conf",
    ),
    "env extend": ("gromit env extend app-test 3d",),
    "env get": (
        "gromit env get app-test",
        "gromit env get app-test -o json | jq -r .urls.tyk",
    ),
    "env list": (
        "gromit env list --prefix app- --phase ready",
        "gromit env list -o json | jq -r '.[] | [.name, .phase] | @tsv'",
    ),
    "env logs": (
        "gromit env logs app-test tyk --follow",
        "gromit env logs app-test tyk --previous",
        "gromit env logs app-test --since 2h",
        "gromit env logs app-test --run 2",
        "gromit env logs app-test --run --follow",
    ),
    "env open": (
        "gromit env open app-test tyk",
        "gromit env open app-test tyk --no-browser | xargs curl",
    ),
    "env redeploy": ("gromit env redeploy app-test tyk",),
    "env rollback": ("gromit env rollback app-test", "gromit env rollback app-test 2h"),
    "env set": ("gromit env set app-test tyk=2b3c4d tyk-pump=master",),
    "env wait": (
        "gromit env wait app-test --timeout 10m",
        "gromit env wait app-test --for gone",
    ),
    "local": ("gromit local up --detach", 'eval "$(gromit local env)"'),
    "suspend": ("gromit suspend --reason 'upgrading mongo'",),
    "token": ("gromit token new --repo tyk --verb newbuild --verb delete --verb read",),
}
"""Examples by command, without `gromit`."""


def write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Add the examples of a command to its help."""
    _, _, path = ctx.command_path.partition(" ")
    examples = EXAMPLES.get(path, ())
    if examples:
        with formatter.section("Examples"):
            for line in examples:
                formatter.write_text(line)


def write_commands(
    formatter: click.HelpFormatter,
    commands: Mapping[str, str],
    groups: Mapping[str, Sequence[str]],
) -> None:
    """Add commands to the help of a group, each with its whole first sentence."""
    known = {name for names in groups.values() for name in names}
    others = [name for name in commands if name not in known]
    sections = {**groups, (OTHERS if groups else "Commands"): others}
    for title, names in sections.items():
        rows = [(name, commands[name]) for name in names if name in commands]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def first_sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    return command.get_short_help_str(limit=1000)
