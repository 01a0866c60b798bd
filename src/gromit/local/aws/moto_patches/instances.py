"""EC2: instances."""

from collections.abc import Callable
from typing import Any

from moto.core.serialize import return_if_not_empty
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses.instances import InstanceResponse

from gromit.local.aws.moto_patches.patches import Patches

_ASSOCIATION = "NetworkInterfaces.InstanceNetworkInterface.Association"


def show_instance_security_groups(patches: Patches) -> None:
    """AWS shows security groups of an instance that were given for its network interface."""

    def prepare(stock: Callable[..., Any], instance: Any, *args: Any, **kwargs: Any) -> None:
        stock(instance, *args, **kwargs)
        if not instance.security_groups and 0 in instance.nics:
            instance.security_groups = list(instance.nics[0].group_set)

    patches.replace(Instance, "prep_nics", prepare)


def delete_instance_interfaces(patches: Patches) -> None:
    """AWS deletes the interface that it created for an instance together with the instance.

    `DeleteOnTermination: false` keeps the interface.
    """

    def prepare(
        stock: Callable[..., Any],
        instance: Any,
        nic_spec: list[dict[str, Any]],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        existing = {spec.get("NetworkInterfaceId") for spec in nic_spec}
        kept = {
            int(spec["DeviceIndex"])
            for spec in nic_spec
            if spec.get("DeleteOnTermination") is False
        }
        stock(instance, nic_spec, *args, **kwargs)
        for index, interface in instance.nics.items():
            if interface.id not in existing and index not in kept:
                interface.delete_on_termination = True

    patches.replace(Instance, "prep_nics", prepare)


def omit_missing_association(patches: Patches) -> None:
    """AWS omits the association of an instance's interface that has no public address."""

    def describe(stock: Callable[..., Any], response: Any) -> Any:
        response.RESPONSE_KEY_PATH_TO_TRANSFORMER = {
            **response.RESPONSE_KEY_PATH_TO_TRANSFORMER,
            _ASSOCIATION: return_if_not_empty,
        }
        return stock(response)

    patches.replace(InstanceResponse, "describe_instances", describe)


def require_key_pair(patches: Patches) -> None:
    """AWS refuses to start an instance with a key pair that does not exist."""

    def run(stock: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("key_name"):
            backend.describe_key_pairs(key_names=[kwargs["key_name"]])  # raises if there is none
        return stock(backend, *args, **kwargs)

    patches.replace(InstanceBackend, "run_instances", run)
