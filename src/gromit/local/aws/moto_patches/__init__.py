"""Patches of the AWS emulator for behaviour of AWS that moto lacks and gromit depends on.

Each patch is one function, and its docstring states AWS's behaviour. Its test fails once stock moto
behaves the same way, so no patch stays longer than needed. Patches change moto's internals, so
moto's version is pinned exactly.
"""

from collections.abc import Callable

from gromit.local.aws.moto_patches import (
    answering,
    buckets,
    discovery,
    dispatching,
    exec_command,
    expressions,
    instances,
    listings,
    network,
    recovery,
    regions,
    registry,
    repeated,
    services,
    tables,
    tasks,
    volumes,
    zones,
)
from gromit.local.aws.moto_patches.patches import Patches

PATCHES: tuple[Callable[[Patches], None], ...] = (
    regions.start_regions_alike,
    services.keep_service_flags,
    services.make_creation_idempotent,
    services.roll_deployments,
    services.drain_deleted_services,
    services.refuse_deleting_busy_clusters,
    services.count_tasks,
    listings.paginate_clusters,
    listings.paginate_services,
    listings.paginate_tasks,
    listings.list_families_by_status,
    listings.report_missing_tasks,
    tasks.accept_tasks_without_groups,
    tasks.do_not_age_tasks,
    tasks.assign_task_addresses,
    tasks.tag_interfaces,
    tasks.remove_stopped_interfaces,
    exec_command.keep_exec_switch,
    exec_command.execute_command,
    network.omit_private_dns_name,
    network.support_interface_filters,
    network.paginate_interfaces,
    network.refuse_deleting_used_groups,
    network.refuse_reserved_tags,
    network.read_tags_of_one_resource,
    network.delete_gateway_interfaces,
    instances.show_instance_security_groups,
    instances.delete_instance_interfaces,
    instances.omit_missing_association,
    instances.require_key_pair,
    discovery.refuse_deleting_used_services,
    discovery.refuse_duplicate_services,
    discovery.resolve_namespace_from_dns_config,
    discovery.filter_services_by_namespace,
    discovery.delete_namespace_zones,
    zones.apply_batches_atomically,
    registry.use_manifest_digest,
    registry.leave_moved_images,
    registry.paginate_images,
    volumes.delete_policies,
    buckets.enforce_secure_transport,
    tables.serialize_by_type,
    answering.name_members_once,
    answering.draw_request_ids_at_once,
    dispatching.find_services_once,
    dispatching.list_actions_once,
    dispatching.read_errors_once,
    expressions.copy_node_by_node,
    expressions.choose_by_type,
    expressions.examine_once,
    repeated.read_updates_once,
    repeated.read_conditions_once,
    repeated.share_plain_values,
    repeated.measure_large_items,
    repeated.project_what_is_asked,
    recovery.restore_the_moment,
)
"""All patches, in the order in which they are applied."""

_applied: list[Patches] = []


def apply_patches() -> None:
    """Patch the emulator in this process, once."""
    if not _applied:
        patches = Patches()
        for apply_patch in PATCHES:
            apply_patch(patches)
        _applied.append(patches)


def remove_patches() -> None:
    """Restore the stock emulator."""
    while _applied:
        _applied.pop().undo()
