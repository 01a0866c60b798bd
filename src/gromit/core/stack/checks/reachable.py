"""Hosts and ports that an environment has, and the judgement of those that a component names."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address

from gromit.core.stack.addresses import NAMESPACE, internal_name, public_name
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.hosts import HostUse
from gromit.core.stack.config_templates import TemplateVariables

_LIKENESS = 0.7
_USE_A_NAME = "use the name of a peer, {{ peers.NAME }}, or of the platform, {{ platform.mongo }}"
_CONTROL_PLANE = (f"serve.{NAMESPACE}", f"gateway.{NAMESPACE}")
_OF_AWS = (f".compute.{NAMESPACE}", f".ec2.{NAMESPACE}")
"""Ends of the names that AWS gives to instances."""


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Hosts that the components of an environment reach by name."""

    components: Mapping[str, Component]
    """Internal or public name to the component."""
    platform: Mapping[str, int | None]
    """Name of a host of the platform to its port; None for any port."""
    domain: str | None
    """Domain of the environment's public names."""


def known_hosts(catalogue: Catalogue, variables: TemplateVariables) -> KnownHosts:
    """Return the hosts of an environment with these components."""
    components = {internal_name(c.name, variables.env): c for c in catalogue.components.values()}
    if variables.domain is None:
        return KnownHosts(components, _platform(variables), None)
    components |= {
        public_name(c.name, variables.env, variables.domain): c
        for c in catalogue.components.values()
        if c.public
    }
    return KnownHosts(components, _platform(variables), f"{variables.env}.{variables.domain}")


def judge_host(component: Component, use: HostUse, known: KnownHosts) -> CatalogueFault | None:
    """Return the mistake in a host that a component names; None if the environment has it."""
    if not use.host:
        return _fault(component, use, "is a URL without a host", _USE_A_NAME)
    if (peer := known.components.get(use.host)) is not None:
        return _judge_port(component, use, f"component {peer.name}", peer.port)
    if use.host in known.platform:
        port = known.platform[use.host]
        return _judge_port(component, use, use.host, port) if port is not None else None
    if _is_address(use.host):
        return _judge_address(component, use)
    if use.host == "localhost":
        return _judge_own(component, use)
    return _judge_name(component, use, known)


def _platform(variables: TemplateVariables) -> Mapping[str, int | None]:
    """Return gromit's own names, the registry, and the Mongo server if there is one."""
    platform: dict[str, int | None] = dict.fromkeys(_CONTROL_PLANE)
    platform[variables.platform.registry] = 443
    host, found, port = variables.platform.mongo.rpartition(":")
    if found:
        platform[host] = int(port)
    return platform


def _judge_port(
    component: Component, use: HostUse, name: str, port: int | None
) -> CatalogueFault | None:
    if use.port is None or use.port == port:
        return None
    reason = f"{name} listens on {port}, not on {use.port}"
    if port is None:
        reason = f"{name} has no port in the catalogue, so {use.port} is closed"
    return _fault(component, use, reason, "name the port of its entry in the catalogue")


def _judge_address(component: Component, use: HostUse) -> CatalogueFault | None:
    address = ip_address(use.host)
    if address.is_unspecified:
        return None
    if address.is_loopback:
        return _judge_own(component, use)
    return _fault(
        component,
        use,
        f"{use.host} is an address, and whether anything answers there is unknown",
        _USE_A_NAME,
        certain=False,
    )


def _judge_own(component: Component, use: HostUse) -> CatalogueFault | None:
    """Judge a host that is the component's own container, in which nothing else runs."""
    if use.port == component.port:
        return None
    return _fault(
        component,
        use,
        f"{use.host} is its own container, and no peer",
        _USE_A_NAME,
        certain=use.port is not None,
    )


def _judge_name(component: Component, use: HostUse, known: KnownHosts) -> CatalogueFault:
    certain = True
    is_ours = _is_inside(use.host, NAMESPACE) and not use.host.endswith(_OF_AWS)
    if is_ours or _is_inside(use.host, known.domain):
        reason = f"no component of the environment has the name {use.host}"
    elif "." not in use.host:
        reason = f"{use.host} is not a full name, and no environment resolves it"
    else:
        certain = False
        reason = f"{use.host} is no peer and no host of the platform; whether it answers is unknown"
    return _fault(component, use, reason, _remedy(use.host, known), certain=certain)


def _remedy(host: str, known: KnownHosts) -> str:
    """Name the component whose name is like that of an unknown host."""
    names = {c.name: host for host, c in known.components.items() if _is_inside(host, NAMESPACE)}
    near = get_close_matches(host.partition(".")[0], names, n=1, cutoff=_LIKENESS)
    if not near:
        return _USE_A_NAME
    return f"did you mean {names[near[0]]}, in a template {{{{ peers['{near[0]}'] }}}}?"


def _is_inside(host: str, domain: str | None) -> bool:
    return domain is not None and host.endswith(f".{domain}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _fault(
    component: Component, use: HostUse, reason: str, remedy: str, *, certain: bool = True
) -> CatalogueFault:
    return CatalogueFault(
        component=component.name,
        kind=FaultKind.HOST,
        subject=use.subject,
        reason=reason,
        remedy=remedy,
        certain=certain,
    )
