"""Public components of the catalogue, for which chitragupta keeps records."""

from gromit.adapters.catalogue.shipped import shipped_public_components
from gromit.config.schema import Settings
from gromit.core.stack.public_components import PublicComponents


def configured_public_components(settings: Settings) -> PublicComponents:
    """Public components of the configured catalogue. A catalogue of a person is checked in full.

    Raises `ConfigError`.
    """
    if settings.catalogue is None and settings.repos is None:
        return shipped_public_components()
    from gromit.bootstrap.catalogue import configured_catalogue  # noqa: PLC0415 - it takes 0.2 s

    return configured_catalogue(settings).public
