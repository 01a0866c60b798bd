"""`gromit cluster`: the clusters of environments."""

from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.dns_backends import cluster_source, service_states, task_source
from gromit.bootstrap.machine import domain_if_set
from gromit.config.schema import Settings
from gromit.services.clusters import Clusters


def clusters(settings: Settings) -> Clusters:
    """Views of the environments' clusters."""
    known = configured_catalogue(settings)
    return Clusters(
        clusters=cluster_source(settings),
        services=service_states(),
        tasks=task_source(settings, known.public),
        catalogue=known,
        domain=domain_if_set(settings),
    )
