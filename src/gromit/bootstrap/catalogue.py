"""The catalogue of components, and its check."""

from dataclasses import replace
from pathlib import Path

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.catalogue.program_keys import load_program_keys
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.adapters.config_tree.texts import read_environment_texts
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.checks.check import (
    CatalogueReport,
    ProgramFacts,
    WrittenFiles,
    check_catalogue,
)
from gromit.core.stack.config_files import BOOKKEEPING
from gromit.core.stack.config_templates import TemplateVariables, internal_names, sample_variables
from gromit.errors import NotFound


def configured_catalogue(settings: Settings) -> Catalogue:
    """Components of every environment: the catalogue file, limited to the setting `repos`.

    Raises `ConfigError`.
    """
    return catalogue_file.load_catalogue(settings.catalogue, settings.repos)


def catalogue_report(
    settings: Settings, catalogue: Catalogue, environment: str | None = None
) -> CatalogueReport:
    """Check a catalogue with sample values, and with the configured domain if there is one.

    With `environment`, its files in the config root are checked in place of the rendered ones.
    Raises `NotFound` if it has no folder there.
    """
    shipped = catalogue_file.load_catalogue().components.values()
    facts = ProgramFacts(
        programs={name: load_program(name) for name in program_names()},
        keys=load_program_keys(),
        builders={c.repository: c.program for c in shipped if c.repository and c.program},
    )
    variables = _variables(settings, catalogue)
    if environment is None:
        return check_catalogue(catalogue, variables, facts)
    peers = internal_names(catalogue, environment)
    variables = replace(variables, env=environment, peers=peers)
    return check_catalogue(catalogue, variables, facts, _written(settings.root, environment))


def _variables(settings: Settings, catalogue: Catalogue) -> TemplateVariables:
    sample = sample_variables(catalogue)
    domain = settings.cluster.domain
    if domain is None:
        return sample
    platform = replace(sample.platform, mongo=f"mongo.{domain}:27017")
    return replace(sample, domain=domain, platform=platform)


def _written(root: Path, environment: str) -> WrittenFiles:
    """Return the config files of an environment, as they are in the config root."""
    found = read_environment_texts(root, environment)
    if found is None:
        raise NotFound(
            f"there is no folder {environment} in the config root {root}",
            hint="set `root` to the config root; `gromit env list` lists all environments",
        )
    return {
        component: {file: text for file, text in files.items() if not file.startswith(BOOKKEEPING)}
        for component, files in found.items()
    }
