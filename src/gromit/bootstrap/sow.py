"""`gromit sow`: what brings one environment to its desired state."""

import time

from gromit.adapters.aws.manifests import ManifestMemory
from gromit.adapters.terraform.stack_files import stack_hash
from gromit.bootstrap.backends import image_keeper, image_registry, resource_clearer
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.bootstrap.dns_backends import service_states
from gromit.bootstrap.machine import domain_if_set
from gromit.bootstrap.worker_parts import WorkerParts, hook_runner
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue
from gromit.services.adopting import Adopter
from gromit.services.full_checks import CheckPolicy
from gromit.services.public_records import PublicRecords
from gromit.services.sowing import SettlePolicy, Sower


def sower(settings: Settings, parts: WorkerParts) -> Sower:
    """Worker function that applies the stack of one environment."""
    policy = SettlePolicy(
        settings.sow.settle.total_seconds(),
        settings.sow.settle_poll.total_seconds(),
        time.monotonic,
        parts.stop.wait,
    )
    manifests = ManifestMemory()
    return Sower(
        catalogue=parts.catalogue,
        domain=domain_if_set(settings),
        fingerprint=stack_hash(),
        platform=parts.memory,
        images=image_registry(settings, manifests),
        keeper=image_keeper(settings, manifests),
        secrets=parts.memory,
        root=parts.tree,
        terraform=parts.terraform,
        services=service_states(),
        adopt=Adopter(parts.states, resource_clearer(settings, parts.stop)),
        hooks=hook_runner(settings, parts),
        records=public_records(settings, parts.catalogue),
        policy=policy,
        checks=CheckPolicy(settings.sow.refresh.total_seconds(), time.monotonic),
        forget=parts.memory.forget,
    )


def public_records(settings: Settings, known: Catalogue) -> PublicRecords:
    """Public records of single environments; none are kept if no zone or no domain is set."""
    has_zone = settings.cluster.zoneid and settings.cluster.domain
    return PublicRecords(build_chitragupta(settings, known.public) if has_zone else None)
