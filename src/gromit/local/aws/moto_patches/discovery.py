"""Cloud Map: services and their instances."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.route53.models import route53_backends
from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend
from moto.servicediscovery.responses import ServiceDiscoveryResponse

from gromit.local.aws.moto_patches.patches import Patches


def refuse_deleting_used_services(patches: Patches) -> None:
    """AWS refuses to delete a service that has registered instances or does not exist."""

    def delete_service(stock: Callable[..., Any], backend: Any, service_id: str) -> Any:
        if backend.get_service(service_id).instances:
            raise JsonRESTError(
                "ResourceInUse",
                "Service contains registered instances; delete the instances before deleting it",
            )
        return stock(backend, service_id)

    patches.replace(Backend, "delete_service", delete_service)


def resolve_namespace_from_dns_config(patches: Patches) -> None:
    """AWS creates a service in the namespace of its `DnsConfig` if `NamespaceId` is not given."""

    def create_service(stock: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
        namespace = kwargs["namespace_id"]
        if not namespace and kwargs["dns_config"]:
            namespace = kwargs["dns_config"].get("NamespaceId")
        return stock(backend, **{**kwargs, "namespace_id": namespace})

    patches.replace(Backend, "create_service", create_service)


def filter_services_by_namespace(patches: Patches) -> None:
    """AWS lists only the services of the namespace that a filter names."""

    def list_services(_stock: Callable[..., Any], response: Any) -> str:
        filters = json.loads(response.body).get("Filters", [])
        named = [f["Values"] for f in filters if f["Name"] == "NAMESPACE_ID"]
        found = response.servicediscovery_backend.list_services()
        return json.dumps(
            {"Services": [s.to_json() for s in found if all(s.namespace_id in n for n in named)]}
        )

    patches.replace(ServiceDiscoveryResponse, "list_services", list_services)


def refuse_duplicate_services(patches: Patches) -> None:
    """AWS refuses a second service with the same name in a namespace."""

    def create_service(stock: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
        name, namespace = kwargs["name"], kwargs["namespace_id"]
        if any((s.name, s.namespace_id) == (name, namespace) for s in backend.services.values()):
            raise JsonRESTError("ServiceAlreadyExists", f"Service with name {name} already exists")
        return stock(backend, **kwargs)

    patches.replace(Backend, "create_service", create_service)


def delete_namespace_zones(patches: Patches) -> None:
    """AWS deletes the hosted zone of a namespace together with the namespace."""

    def delete_namespace(stock: Callable[..., Any], backend: Any, namespace_id: str) -> Any:
        properties = backend.get_namespace(namespace_id).dns_properties
        zone = properties.get("HostedZoneId", "").removeprefix("/hostedzone/")
        route53_backends[backend.account_id][backend.partition].zones.pop(zone, None)
        return stock(backend, namespace_id)

    patches.replace(Backend, "delete_namespace", delete_namespace)
