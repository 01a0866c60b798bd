"""Cloud Map: services and their instances."""

from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.route53.models import route53_backends
from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend

from gromit.local.aws.moto_patches.patches import Patches


def refuse_deleting_used_services(mending: Patches) -> None:
    """AWS refuses to delete a service with registered instances, and an unknown one."""

    def delete_service(stock: Callable[..., Any], backend: Any, service_id: str) -> Any:
        if backend.get_service(service_id).instances:
            raise JsonRESTError(
                "ResourceInUse",
                "Service contains registered instances; delete the instances before deleting it",
            )
        return stock(backend, service_id)

    mending.replace(Backend, "delete_service", delete_service)


def resolve_namespace_from_dns_config(mending: Patches) -> None:
    """AWS puts a service into the namespace that its `DnsConfig` names, where `NamespaceId` itself is not given."""

    def create_service(stock: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
        named = kwargs["namespace_id"] or (kwargs["dns_config"] or {}).get("NamespaceId")
        return stock(backend, **{**kwargs, "namespace_id": named})

    mending.replace(Backend, "create_service", create_service)


def refuse_duplicate_services(mending: Patches) -> None:
    """AWS refuses a second service of the same name in a namespace."""

    def create_service(stock: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
        wanted = (kwargs["name"], kwargs["namespace_id"])
        if any((s.name, s.namespace_id) == wanted for s in backend.services.values()):
            raise JsonRESTError(
                "ServiceAlreadyExists", f"Service with name {wanted[0]} already exists"
            )
        return stock(backend, **kwargs)

    mending.replace(Backend, "create_service", create_service)


def delete_namespace_zones(mending: Patches) -> None:
    """AWS deletes the hosted zone that it made for a namespace together with it."""

    def delete_namespace(stock: Callable[..., Any], backend: Any, namespace_id: str) -> Any:
        zone = (
            backend.get_namespace(namespace_id)
            .dns_properties.get("HostedZoneId", "")
            .removeprefix("/hostedzone/")
        )
        route53_backends[backend.account_id][backend.partition].zones.pop(zone, None)
        return stock(backend, namespace_id)

    mending.replace(Backend, "delete_namespace", delete_namespace)
