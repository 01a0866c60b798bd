"""Config files of gromit v1 that stay in use, although they name a host that nothing has.

gromit keeps a file that exists. In some versions of gromit v1, the files that it wrote name the
gateway by another name than that of its component.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.phases import Want
from gromit.core.migration.orphans import ConfigTexts, list_names
from gromit.core.migration.rows import RowMigration
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.documents import parse_file
from gromit.core.stack.checks.hosts import find_hosts
from gromit.core.stack.checks.reachable import KnownHosts, judge_host, known_hosts
from gromit.core.stack.config_templates import internal_names, sample_variables


@dataclass(frozen=True, slots=True, order=True)
class DoubtfulFile:
    """Config file that a component reads and that names a host which no environment has."""

    file: str
    """Component and file name."""
    why: str


@dataclass(frozen=True, slots=True, order=True)
class _Fault:
    file: str
    reason: str
    environment: str


def find_doubtful_files(
    migrations: Iterable[RowMigration],
    tree: ConfigTexts,
    catalogue: Catalogue,
    domain: str | None,
) -> tuple[DoubtfulFile, ...]:
    """Return the files with an unknown host, those of several environments as one."""
    faults = {
        fault
        for migration in migrations
        if migration.write.sets[Attribute.WANT] == Want.UP
        for fault in _faults(migration.target, tree.get(migration.target, {}), catalogue, domain)
    }
    return tuple(_merged(faults))


def _faults(
    environment: str,
    folders: Mapping[str, Mapping[str, str]],
    catalogue: Catalogue,
    domain: str | None,
) -> Iterator[_Fault]:
    known = _known(environment, catalogue, domain)
    for name, files in folders.items():
        component = catalogue.components.get(name)
        if component is None:
            continue
        for file in sorted(files.keys() & component.templates.keys()):
            for reason in _unknown_hosts(component, files[file], known):
                general = reason.replace(f".{environment}.", ".<environment>.")
                yield _Fault(f"{name}/{file}", general, environment)


def _known(environment: str, catalogue: Catalogue, domain: str | None) -> KnownHosts:
    sample = sample_variables(catalogue)
    where = domain or sample.domain
    variables = replace(
        sample,
        env=environment,
        domain=where,
        peers=internal_names(catalogue, environment),
        platform=replace(sample.platform, mongo=f"mongo.{where}:27017"),
    )
    return known_hosts(catalogue, variables)


def _unknown_hosts(component: Component, text: str, known: KnownHosts) -> Iterator[str]:
    """Return why hosts of a file are unknown, where that is certain."""
    for use in find_hosts(None, parse_file(text).document):
        fault = judge_host(component, use, known)
        if fault is not None and fault.certain:
            yield f"its {use.subject}: {fault.reason}"


def _merged(faults: Collection[_Fault]) -> Iterator[DoubtfulFile]:
    def same(fault: _Fault) -> tuple[str, str]:
        return fault.file, fault.reason

    for (file, reason), group in groupby(sorted(faults), same):
        environments = [fault.environment for fault in group]
        remedy = "correct it, or delete the file to get the one of the template"
        yield DoubtfulFile(file, f"{reason} (in {list_names(environments)}); {remedy}")
