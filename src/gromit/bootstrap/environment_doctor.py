"""Composition of `gromit doctor environments`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.image_expiries import EcrExpiries
from gromit.adapters.aws.resource_listing import AwsResourceListing
from gromit.bootstrap.aws_session import aws_client, paced_session
from gromit.bootstrap.backends import image_keeper, resource_clearer, resource_clients
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.bootstrap.clients import serve_client, suspension_check
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.dns_backends import cluster_source, record_store
from gromit.bootstrap.machine import domain_if_set, now_ms
from gromit.bootstrap.worker_backends import owner_watch, platform_source, state_bucket
from gromit.config.schema import Settings
from gromit.core.dns.ownership import NameOwner
from gromit.services.environment_doctor import EnvironmentDoctor
from gromit.services.inventory import InventorySources, InventoryTaker
from gromit.services.repairs import Repairer
from gromit.web.clients.row_directory import ServeRows


@dataclass(frozen=True, slots=True)
class DoctorParts:
    """The doctor of environments, and its repairs."""

    doctor: EnvironmentDoctor
    repairer: Repairer


def _guard(settings: Settings, root: Path | None) -> Callable[[], None]:
    """Return the check before each repair: a suspension at serve or in the config root forbids it.

    Without a config root nothing can be repaired.
    """
    tree, ask_serve = config_root(root or settings.root), suspension_check(settings)

    def check() -> None:
        tree.check()
        ask_serve()

    return check


def _name_owner(settings: Settings) -> NameOwner | None:
    """Return the owner of public names, or None if no domain is set."""
    known = domain_if_set(settings)
    return None if known is None else NameOwner(known, settings.installation)


def build_environment_doctor(settings: Settings, root: Path | None) -> DoctorParts:
    """Build the doctor. Without a config root it looks at no folders, and can repair nothing."""
    paced_session(settings)
    states, owners = state_bucket(settings), owner_watch()
    rows, platform = ServeRows(serve_client(settings)), platform_source(settings)
    tree = config_root(root) if root is not None else None
    has_zone = settings.cluster.zoneid is not None
    sources = InventorySources(
        rows=rows,
        states=states,
        archive=states,
        owners=owners,
        clusters=cluster_source(settings),
        resources=AwsResourceListing(resource_clients(), settings.installation),
        platform=platform,
        zone=record_store(settings) if has_zone else None,
        folders=tree,
        images=EcrExpiries(
            aws_client(lambda made: made.client("ecr", config=aws.CLIENT)), settings.registryid
        ),
        marks=image_keeper(settings).marks,
        catalogue=configured_catalogue(settings),
        owner=_name_owner(settings),
        installation=settings.installation,
        now_ms=now_ms,
    )
    repairer = Repairer(
        rows=rows,
        states=states,
        archive=states,
        owners=owners,
        clear=resource_clearer(settings, threading.Event()),
        platform=platform,
        folders=tree,
        retire_records=build_chitragupta(settings, configured_catalogue(settings).public).retire
        if has_zone
        else None,
        guard=_guard(settings, root),
        marks=image_keeper(settings).marks,
        repositories=configured_catalogue(settings).deployed,
        installation=settings.installation,
        limit=settings.reap.limit,
    )
    return DoctorParts(EnvironmentDoctor(InventoryTaker(sources)), repairer)
