"""All services: the cost of finding the function that answers a request."""

from collections.abc import Callable
from typing import Any

from moto.core import errors, responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from gromit.local.aws.moto_patches.patches import Patches


def find_services_once(patches: Patches) -> None:
    """AWS answers at once.

    For each request the stock emulator lists its own folder, and compares the name of the host with
    the patterns of all services.
    """
    found: dict[str, Any] = {}

    def find(stock: Callable[..., Any], dispatcher: Any, host: str | None) -> Any:
        if host not in found:
            service = stock(dispatcher, host)
            if host is None or service is None:
                return service
            found[host] = service
        return found[host]

    patches.replace(DomainDispatcherApplication, "get_backend_for_host", find)


def list_actions_once(patches: Patches) -> None:
    """AWS answers at once.

    For each request the stock emulator makes a list of all actions of the service.
    """
    listed: dict[type, list[str]] = {}

    def actions(stock: Callable[..., Any], responder: type) -> list[str]:
        if responder not in listed:
            listed[responder] = stock(responder)
        return listed[responder]

    patches.replace(responses, "method_names_from_class", actions)


def read_errors_once(patches: Patches) -> None:
    """AWS refuses a request as quickly as it answers one.

    For each refusal the stock emulator reads the models of all errors of the service.
    """
    known = errors.ErrorLookupFactory()
    patches.replace(errors, "ErrorLookupFactory", lambda _stock: known)
