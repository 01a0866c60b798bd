"""Check of a whole catalogue, component by component."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.documents import check_named_files, main_file, parse_file
from gromit.core.stack.checks.effective import EffectiveConfig
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.hosts import (
    HostUse,
    find_hosts,
    find_hosts_in_command,
    find_hosts_in_variable,
    find_internal_names,
)
from gromit.core.stack.checks.key_check import (
    check_document,
    check_variable_names,
    check_variables,
)
from gromit.core.stack.checks.keys import ProgramKeys
from gromit.core.stack.checks.peers import check_peers
from gromit.core.stack.checks.reachable import judge_host, known_hosts
from gromit.core.stack.checks.required import check_health, check_port, check_required
from gromit.core.stack.checks.secrets import check_passwords, check_plain_secrets, check_sources
from gromit.core.stack.config_templates import TemplateVariables, render_files
from gromit.core.stack.programs import Program, ProgramUse
from gromit.errors import ConfigError

WrittenFiles = Mapping[str, Mapping[str, str]]
"""Component to config file to its text."""

NOTHING_WRITTEN: WrittenFiles = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFacts:
    """Facts about all programs that gromit knows, by name."""

    programs: Mapping[str, Program]
    keys: Mapping[str, ProgramKeys]
    """Config keys of the programs that have a config file."""
    builders: Mapping[str, str] = field(default_factory=dict)
    """Repository that builds a program to that program."""


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """Result of the check of a catalogue."""

    files: int
    """Number of rendered config files."""
    faults: tuple[CatalogueFault, ...]

    @property
    def mistakes(self) -> int:
        """Number of faults that are no warnings."""
        return sum(fault.certain for fault in self.faults)

    @property
    def warnings(self) -> int:
        """Number of faults that may be right."""
        return len(self.faults) - self.mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A component with its rendered files."""

    component: Component
    program: Program | None
    keys: ProgramKeys | None
    documents: Mapping[str, object] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Rendered files that are no JSON."""

    @property
    def main(self) -> str | None:
        """Config file that its program reads."""
        file = main_file(self.component)
        return file if file in self.documents else None

    @property
    def config(self) -> EffectiveConfig:
        """Values that its program reads."""
        return EffectiveConfig(
            keys=self.keys,
            document=self.documents.get(self.main or ""),
            environment=self.component.environment,
            secrets=self.component.secrets,
        )


def check_catalogue(
    catalogue: Catalogue,
    variables: TemplateVariables,
    facts: ProgramFacts,
    written: WrittenFiles = NOTHING_WRITTEN,
) -> CatalogueReport:
    """Render all templates of a catalogue, and check the files against what programs accept.

    A file in `written` is checked as it is, in place of the rendered one.
    """
    faults: list[CatalogueFault] = []
    subjects: list[_Subject] = []
    for entry in catalogue.components.values():
        own = written.get(entry.name, {}) if entry.config_path is not None else {}
        texts, broken = _rendered(entry, variables, own)
        component = replace(entry, templates={**entry.templates, **own})
        subject = _Subject(
            component=component,
            program=facts.programs.get(component.program or ""),
            keys=facts.keys.get(component.program or ""),
        )
        documents, unreadable = _documents(subject, texts)
        others = {file: text for file, text in texts.items() if file not in documents}
        subjects.append(replace(subject, documents=documents, texts=others))
        faults += (*broken, *unreadable, *check_named_files(component))
    faults += (fault for subject in subjects for fault in _key_faults(subject, facts))
    faults += _host_faults(subjects, catalogue, variables)
    faults += _secret_faults(subjects, catalogue)
    faults += _peer_faults(subjects)
    files = sum(len(subject.component.templates) for subject in subjects)
    return CatalogueReport(files, tuple(sorted(faults, key=lambda fault: not fault.certain)))


def _rendered(
    component: Component, variables: TemplateVariables, written: Mapping[str, str]
) -> tuple[Mapping[str, str], list[CatalogueFault]]:
    """Render each template of a component: texts by file, and the faults of the others."""
    texts = dict(written)
    faults: list[CatalogueFault] = []
    for file, template in sorted(component.templates.items()):
        if file in written:
            continue
        alone = replace(component, templates={file: template})
        try:
            texts |= render_files(Catalogue({component.name: alone}), variables)[component.name]
        except ConfigError as error:
            faults.append(_file_fault(component, file, error.message, error.hint or ""))
    return texts, faults


def _documents(
    subject: _Subject, texts: Mapping[str, str]
) -> tuple[Mapping[str, object], list[CatalogueFault]]:
    """Parse rendered files: documents by file, and the faults of those that must be JSON."""
    component, main = subject.component, main_file(subject.component)
    documents: dict[str, object] = {}
    faults: list[CatalogueFault] = []
    for file, text in texts.items():
        parsed = parse_file(text)
        if parsed.document is not None:
            documents[file] = parsed.document
        is_json = file.endswith(".json") or (subject.keys is not None and file == main)
        if parsed.fault is not None and is_json:
            faults.append(
                _file_fault(component, file, parsed.fault, "correct the file or its template")
            )
    return documents, faults


def _key_faults(subject: _Subject, facts: ProgramFacts) -> Iterator[CatalogueFault]:
    component, program, keys = subject.component, subject.program, subject.keys
    if program is None:
        yield from _unnamed(component, facts)
        return
    yield from check_variable_names(component, program, facts.keys)
    if keys is None:
        return
    yield from check_variables(component, program, keys)
    if subject.main is not None:
        document = subject.documents[subject.main]
        yield from check_document(component.name, subject.main, document, program, keys)


def _unnamed(component: Component, facts: ProgramFacts) -> Iterator[CatalogueFault]:
    """Return a warning for a component that runs a known program and does not name it."""
    built = facts.builders.get(component.repository or "")
    if component.program is None and built is not None:
        yield CatalogueFault(
            component=component.name,
            kind=FaultKind.KEY,
            subject="program",
            reason="is not named, so its secrets, config keys and peers are not checked",
            remedy=f"add `program: {built}`",
            certain=False,
        )


def _host_faults(
    subjects: list[_Subject], catalogue: Catalogue, variables: TemplateVariables
) -> Iterator[CatalogueFault]:
    known = known_hosts(catalogue, variables)
    for subject in subjects:
        found = (judge_host(subject.component, use, known) for use in _hosts(subject))
        yield from (fault for fault in found if fault is not None)


def _hosts(subject: _Subject) -> Iterator[HostUse]:
    """Return all hosts that a component names."""
    component, keys = subject.component, subject.keys
    for file, document in subject.documents.items():
        known = keys if file == subject.main else None
        for use in find_hosts(known, document):
            yield replace(use, subject=f"{file}: {use.subject}")
    for name, text in sorted(component.environment.items()):
        key = keys.variables.get(name) if keys is not None else None
        yield from find_hosts_in_variable(name, text, key)
    for file, text in subject.texts.items():
        yield from find_internal_names(file, text)
    yield from find_hosts_in_command("command", component.command)
    for kind, hook in sorted(component.hooks.items()):
        yield from find_hosts_in_command(kind, hook.command)


def _secret_faults(subjects: list[_Subject], catalogue: Catalogue) -> Iterator[CatalogueFault]:
    arns = {secret.name: secret.arn for secret in catalogue.secrets.values() if secret.arn}
    uses = [
        ProgramUse(
            component=s.component.name,
            program=s.program,
            secrets={
                name: arns.get(source, source) for name, source in s.component.secrets.items()
            },
        )
        for s in subjects
        if s.program is not None
    ]
    plain = [fault for subject in subjects for fault in _plain_faults(subject)]
    yield from plain
    seen = {(fault.component, fault.subject) for fault in plain}
    yield from (f for f in check_sources(uses) if (f.component, f.subject) not in seen)


def _plain_faults(subject: _Subject) -> Iterator[CatalogueFault]:
    if subject.program is not None:
        yield from check_plain_secrets(
            subject.component, subject.program, subject.main, subject.config.document
        )
    for file, document in subject.documents.items():
        yield from check_passwords(subject.component, file, document)


def _peer_faults(subjects: list[_Subject]) -> Iterator[CatalogueFault]:
    running = {subject.program.name for subject in subjects if subject.program is not None}
    for subject in subjects:
        if subject.program is None:
            continue
        config = subject.config
        yield from check_peers(subject.component, subject.program, config, running)
        yield from check_required(subject.component, subject.program, config)
        yield from check_health(subject.component, subject.program, config)
        if fault := check_port(subject.component, subject.program, config):
            yield fault


def _file_fault(component: Component, file: str, reason: str, remedy: str) -> CatalogueFault:
    return CatalogueFault(
        component=component.name,
        kind=FaultKind.FILE,
        subject=file,
        reason=reason,
        remedy=remedy,
    )
