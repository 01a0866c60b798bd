"""EC2: network interfaces, security groups and tags."""

import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.tags import TagBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.tags import TagResponse

from gromit.local.aws.moto_patches.patches import Patches

_SMALLEST_PAGE, _LARGEST_PAGE = 5, 1000
_ID = re.compile(r"[a-z0-9-]+")
"""An id, and no pattern for several of them."""


def omit_private_dns_name(patches: Patches) -> None:
    """AWS creates interfaces in a VPC without DNS host names too, without a private DNS name."""

    def start(stock: Callable[..., Any], interface: Any, *args: Any, **kwargs: Any) -> None:
        interface.private_dns_name = None
        stock(interface, *args, **kwargs)

    patches.replace(NetworkInterface, "__init__", start)


def support_interface_filters(patches: Patches) -> None:
    """AWS filters interfaces by `requester-managed` and `association.public-ip` as well."""

    def get_filter_value(
        stock: Callable[..., Any], interface: Any, filter_name: str, method_name: str | None = None
    ) -> Any:
        match filter_name:
            case "requester-managed":
                return str(interface.requester_managed).lower()
            case "association.public-ip":
                return interface.public_ip
            case _:
                return stock(interface, filter_name, method_name)

    patches.replace(NetworkInterface, "get_filter_value", get_filter_value)


def paginate_interfaces(patches: Patches) -> None:
    """AWS pages DescribeNetworkInterfaces by `MaxResults` (5 to 1000).

    `MaxResults` and interface ids exclude each other.
    """

    def describe(stock: Callable[..., Any], response: Any) -> ActionResult:
        found = stock(response).result["NetworkInterfaces"]
        size = response._get_int_param("MaxResults")
        if size is None:
            return ActionResult({"NetworkInterfaces": found})
        if not _SMALLEST_PAGE <= size <= _LARGEST_PAGE:
            raise EC2ClientError(
                "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid."
            )
        if response._get_param("NetworkInterfaceIds"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter NetworkInterfaceIds cannot be used with MaxResults",
            )
        token = response._get_param("NextToken") or ""
        ordered = sorted(found, key=lambda eni: str(eni.id))
        rest = [eni for eni in ordered if eni.id > token]
        page = {"NetworkInterfaces": rest[:size]}
        if len(rest) > size:
            page["NextToken"] = rest[size - 1].id
        return ActionResult(page)

    patches.replace(ElasticNetworkInterfaces, "describe_network_interfaces", describe)


def refuse_deleting_used_groups(patches: Patches) -> None:
    """AWS refuses to delete a security group that a network interface uses."""

    def delete(stock: Callable[..., Any], backend: Any, vpc_id: str | None, group_id: str) -> Any:
        if any(group.id == group_id for eni in backend.enis.values() for group in eni.group_set):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return stock(backend, vpc_id, group_id)

    patches.replace(SecurityGroupBackend, "_delete_security_group", delete)


def refuse_reserved_tags(patches: Patches) -> None:
    """AWS refuses tags from its users that begin with `aws:`, so these prove what created it."""

    def create_tags(stock: Callable[..., Any], response: Any) -> Any:
        keys = [str(tag["Key"]).lower() for tag in response._get_param("Tags", [])]
        if any(key.startswith("aws:") for key in keys):
            raise EC2ClientError(
                "InvalidParameterValue",
                "Tag keys starting with 'aws:' are reserved for internal use",
            )
        return stock(response)

    patches.replace(TagResponse, "create_tags", create_tags)


def delete_gateway_interfaces(patches: Patches) -> None:
    """AWS deletes the interface of a NAT gateway together with the gateway.

    A leftover interface would block the deletion of its security group and VPC.
    """

    def delete_nat_gateway(stock: Callable[..., Any], backend: Any, nat_gateway_id: str) -> Any:
        gateway = stock(backend, nat_gateway_id)
        backend.enis.pop(gateway._eni.id, None)
        return gateway

    patches.replace(NatGatewayBackend, "delete_nat_gateway", delete_nat_gateway)


def read_tags_of_one_resource(patches: Patches) -> None:
    """AWS describes a resource with its tags in the same time, however many others have tags.

    The stock emulator compares the id of each tagged resource with a pattern, again for each
    resource that it describes.
    """

    def describe(
        stock: Callable[..., Any], backend: Any, filters: dict[str, list[str]] | None = None
    ) -> Any:
        match (filters or {}).get("resource-id"):
            case [identifier] if _ID.fullmatch(identifier):
                alone = TagBackend()
                if identifier in backend.tags:
                    alone.tags[identifier] = backend.tags[identifier]
                return stock(alone, filters)
            case _:
                return stock(backend, filters)

    patches.replace(TagBackend, "describe_tags", describe)
