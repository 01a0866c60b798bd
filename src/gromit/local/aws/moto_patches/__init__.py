"""Mends of the AWS emulator: where moto does not do what AWS does, and gromit would notice.

Each mend is one function whose docstring names AWS's behaviour; its test fails once the stock emulator has it too, so that no mend
outlives its need. They reach into the emulator, which is therefore pinned exactly.
"""

from collections.abc import Callable

from gromit.local.aws.moto_patches import (
    buckets,
    discovery,
    instances,
    listings,
    network,
    registry,
    services,
    tasks,
    volumes,
    zones,
)
from gromit.local.aws.moto_patches.patches import Mending

MENDS: tuple[Callable[[Mending], None], ...] = (
    services.remember_flags,
    services.create_once,
    services.roll_deployments,
    services.drain,
    services.keep_busy_clusters,
    services.count_tasks,
    listings.page_clusters,
    listings.page_services,
    listings.page_tasks,
    listings.name_missing_tasks,
    tasks.accept_plain_tasks,
    tasks.stay_running,
    tasks.address_tasks,
    tasks.tag_interfaces,
    tasks.stop_wholly,
    network.interfaces_without_names,
    network.filter_interfaces,
    network.page_interfaces,
    network.keep_used_groups,
    network.refuse_reserved_tags,
    network.delete_gateways_wholly,
    instances.show_groups,
    instances.take_interfaces_along,
    instances.show_no_address,
    instances.know_key_pairs,
    discovery.keep_used_services,
    discovery.refuse_doubles,
    discovery.know_namespaces,
    discovery.take_zones_along,
    zones.change_wholly,
    registry.digest_manifests,
    volumes.delete_policies,
    buckets.know_tls,
)
"""All mends, in the order in which they are made."""

_made: list[Mending] = []


def apply_mends() -> None:
    """Mend the emulator in this process, once."""
    if not _made:
        mending = Mending()
        for mend in MENDS:
            mend(mending)
        _made.append(mending)


def remove_mends() -> None:
    """Put the stock emulator back."""
    while _made:
        _made.pop().undo()
