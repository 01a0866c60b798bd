"""The catalogue of components, and its check."""

from dataclasses import replace

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.catalogue.program_keys import load_program_keys
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.checks.check import CatalogueReport, ProgramFacts, check_catalogue
from gromit.core.stack.config_files import sample_variables


def configured_catalogue(settings: Settings) -> Catalogue:
    """Components of every environment: the catalogue file, limited to the setting `repos`.

    Raises `ConfigError`.
    """
    return catalogue_file.load_catalogue(settings.catalogue, settings.repos)


def catalogue_report(settings: Settings, catalogue: Catalogue) -> CatalogueReport:
    """Check a catalogue with sample values, and with the configured domain if there is one."""
    variables = sample_variables(catalogue)
    if domain := settings.cluster.domain:
        platform = replace(variables.platform, mongo=f"mongo.{domain}:27017")
        variables = replace(variables, domain=domain, platform=platform)
    shipped = catalogue_file.load_catalogue().components.values()
    facts = ProgramFacts(
        programs={name: load_program(name) for name in program_names()},
        keys=load_program_keys(),
        builders={c.repository: c.program for c in shipped if c.repository and c.program},
    )
    return check_catalogue(catalogue, variables, facts)
