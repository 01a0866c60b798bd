"""The catalogue of components."""

from gromit.adapters.catalogue import file as catalogue_file
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue


def configured_catalogue(settings: Settings) -> Catalogue:
    """Components of every environment: the catalogue file, limited to the setting `repos`.

    Raises `ConfigError`.
    """
    return catalogue_file.load_catalogue(settings.catalogue, settings.repos)
