"""Config files and databases of gromit v1 that nothing uses after the migration of their row.

gromit v1 filled a folder for each environment once, and never removed one. It called the database
of an environment `tyk_analytics-<environment>`. gromit keeps a file that exists, so what people
edited stays in use wherever a component still reads it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.phases import Want
from gromit.core.migration.rows import RowMigration
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.config_files import BOOKKEEPING
from gromit.core.stack.config_templates import internal_names, render_files, sample_variables
from gromit.core.text import shell_word

V1_DATABASE = "tyk_analytics-"
"""Beginning of the name of an environment's database in gromit v1."""

ConfigTexts = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Folder of an environment to that of a component to file to its text."""

_NAMED_AT_MOST = 5
_MONGO = re.compile(r"mongodb(\+srv)?://")


@dataclass(frozen=True, slots=True)
class Orphan:
    """Config file, folder or database that nothing uses any longer."""

    what: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class _Unread:
    """Config file of one environment that no component reads."""

    file: str
    why: str
    environment: str


def find_orphans(
    migrations: Collection[RowMigration],
    others: Collection[str],
    tree: ConfigTexts,
    catalogue: Catalogue,
    root: str,
) -> tuple[Orphan, ...]:
    """Return what the migration of these rows leaves unused.

    `others` has the names of all other rows, whose folders are not looked at, and `root` is the
    folder above them. Files of the same name and reason in several environments are one orphan.
    """
    if not migrations:
        return ()
    stay = [m for m in migrations if m.write.sets[Attribute.WANT] == Want.UP]
    unread = [u for m in stay for u in _unread(m.target, tree, catalogue)]
    known = {name for m in migrations for name in (m.name, m.target)} | set(others)
    return (
        *_renamed_folders(migrations, tree, root),
        *_merged(unread),
        *_unknown_folders(tree, known),
        *_databases(migrations, stay, tree, catalogue),
    )


def _renamed_folders(
    migrations: Iterable[RowMigration], tree: ConfigTexts, root: str
) -> Iterator[Orphan]:
    for migration in migrations:
        if migration.name != migration.target and migration.name in tree:
            yield Orphan("config", migration.name, _folder_commands(migration, root))


def _folder_commands(migration: RowMigration, root: str) -> str:
    """Return what to do with the folder of an old name.

    gromit does not copy it: a file that exists is kept, and these name hosts by the old name.
    """
    old, new = (shell_word(f"{root}/{name}") for name in (migration.name, migration.target))
    if migration.write.sets[Attribute.WANT] == Want.GONE:
        return f"reap does not remove it: `rm -r {old}`"
    return (
        f"the environment is {migration.target} from now on. To keep edited files, run"
        f" `cp -aT {old} {new}` before sow, and correct the files that"
        f" `grep -rlFe {shell_word(migration.name)} {new}` lists"
    )


def _unknown_folders(tree: ConfigTexts, known: Collection[str]) -> Iterator[Orphan]:
    unknown = sorted(set(tree) - set(known))
    if unknown:
        why = (
            "no environment has this name; a new one would use the files in this folder,"
            " so remove it"
        )
        yield Orphan("config", list_names(unknown), why)


def _unread(environment: str, tree: ConfigTexts, catalogue: Catalogue) -> Iterator[_Unread]:
    """Return the files of an environment that no component reads."""
    rendered = _rendered(environment, catalogue)
    for name, present in sorted(tree.get(environment, {}).items()):
        component = catalogue.components.get(name)
        if component is None:
            why = f"the catalogue has no component {name}"
            yield _Unread(f"{name}/", why, environment)
        elif component.config_path is None:
            why = f"{name} has no config_path, so its container does not see the folder"
            yield _Unread(f"{name}/", why, environment)
        else:
            for file in _unnamed(component, present, rendered[name]):
                why = f"neither the command of {name} nor a config file that it reads names it"
                yield _Unread(f"{name}/{file}", why, environment)


def _unnamed(
    component: Component, present: Mapping[str, str], rendered: Mapping[str, str]
) -> Iterator[str]:
    """Return the files that neither a template, nor a command, nor another file names."""
    texts = {**rendered, **{file: present[file] for file in present if file in rendered}}
    naming = "\n".join((*component.command, *component.environment.values(), *texts.values()))
    for file in sorted(present):
        is_named = re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])", naming) is not None
        if file not in rendered and not file.startswith(BOOKKEEPING) and not is_named:
            yield file


def _databases(
    migrations: Iterable[RowMigration],
    stay: Iterable[RowMigration],
    tree: ConfigTexts,
    catalogue: Catalogue,
) -> Iterator[Orphan]:
    up = {migration.name for migration in stay}
    for migration in migrations:
        if migration.name != migration.target:
            why = (
                f"the environment is {migration.target} from now on, which uses"
                f" {V1_DATABASE}{migration.target}: copy what you need, and drop it"
            )
            yield Orphan("database", f"{V1_DATABASE}{migration.name}", why)
    unnamed = sorted(
        m.name
        for m in migrations
        if m.name == m.target and m.name in up and _uses_another(m.name, tree, catalogue)
    )
    if unnamed:
        why = "config files of the environment name another one: copy what you need, and drop it"
        yield Orphan("database", list_names([f"{V1_DATABASE}{name}" for name in unnamed]), why)


def _uses_another(environment: str, tree: ConfigTexts, catalogue: Catalogue) -> bool:
    """Whether the config files that components read name Mongo, and not the database of gromit v1.

    Without a URL of Mongo in them, a secret may hold it.
    """
    present = tree.get(environment, {})
    texts = [
        present.get(component, {}).get(file, text)
        for component, files in _rendered(environment, catalogue).items()
        for file, text in files.items()
    ]
    named = re.compile(rf"(?<![\w-]){re.escape(V1_DATABASE + environment)}(?![\w-])")
    return any(_MONGO.search(text) for text in texts) and not any(map(named.search, texts))


def _rendered(environment: str, catalogue: Catalogue) -> Mapping[str, Mapping[str, str]]:
    """Render the config files of an environment with sample values of the platform."""
    peers = internal_names(catalogue, environment)
    sample = replace(sample_variables(catalogue), env=environment, peers=peers)
    return render_files(catalogue, sample)


def _merged(unread: Iterable[_Unread]) -> Iterator[Orphan]:
    def same(found: _Unread) -> tuple[str, str]:
        return found.file, found.why

    for (file, why), group in groupby(sorted(unread, key=same), same):
        environments = sorted(found.environment for found in group)
        yield Orphan("config", file, f"{why} (in {list_names(environments)})")


def list_names(names: Collection[str]) -> str:
    """Name the first few, and count the others."""
    named = sorted(names)[:_NAMED_AT_MOST]
    rest = len(names) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")
