"""Trust of a local cloud: its config root, CA, certificates and tokens.

The product's own use cases make them in this process. One command for each would start Python
seven times.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gromit.adapters.config_tree.root import init_root
from gromit.adapters.private_files import write_atomically
from gromit.bootstrap.pki import build_pki
from gromit.bootstrap.tokens import build_tokens
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.security.certificates import LeafRequest
from gromit.core.security.roles import Role
from gromit.core.security.tokens import EVERY, TokenPermission, make_grant
from gromit.errors import BackendError, GromitError
from gromit.local.cloud import variables
from gromit.local.cloud.layout import CloudPaths
from gromit.services.pki import Pki

CERTIFICATE_HOLDERS = (
    ("server", "serve"),
    ("gateway", "gateway"),
    ("worker", "worker"),
    ("operator", "operator"),
)
"""Role and name of each holder of a certificate."""

_CA_NAME = "gromit"
_SERVER_SANS = ("localhost", "127.0.0.1")


def make_trust(place: CloudPaths, environ: Mapping[str, str]) -> None:
    """Make config root, CA, certificates and token. Keep what exists, and renew what is due.

    Raises `BackendError` that names the command which would fail the same way.
    """
    settings = _settings(place, environ)
    with _failing_as("root init"):
        init_root(place.config)
    _make_certificates(place, settings)
    if not place.token.exists():
        token = new_token(place, environ, EVERY, "local cloud")
        write_atomically(place.token, token.encode() + b"\n")


def new_token(place: CloudPaths, environ: Mapping[str, str], repository: str, label: str) -> str:
    """Make a token of the cloud's gateway, for one repository or, with `*`, for all of them."""
    with _failing_as("token new"):
        verbs = [TokenPermission.NEWBUILD, TokenPermission.DELETE, TokenPermission.READ]
        grant = make_grant([repository], verbs)
        token, _ = build_tokens(_settings(place, environ)).new(grant, label=label)
    return token


def _make_certificates(place: CloudPaths, settings: Settings) -> None:
    authority = build_pki(settings)
    if place.certificate("ca").exists():
        with _failing_as("pki renew"):
            authority.renew(())
    else:
        with _failing_as("pki init"):
            authority.init(_CA_NAME, settings.pki.ca_days)
    for role, name in CERTIFICATE_HOLDERS:
        if not place.key(name).exists():
            _issue(authority, role, name, settings.pki.leaf_days)


def _issue(authority: Pki, role: str, name: str, days: int) -> None:
    with _failing_as("pki issue"):
        if role == "server":
            request = LeafRequest(name=name, kind="server", sans=_SERVER_SANS, days=days)
        else:
            request = LeafRequest(name=name, kind=Role(role), days=days)
        authority.issue(request)


def _settings(place: CloudPaths, environ: Mapping[str, str]) -> Settings:
    """Settings of the cloud itself: its own config file, and no other installation's variables."""
    with _failing_as("config show"):
        own = variables.command_variables(environ, place)
        return load_settings(own, conf=place.settings).settings


@contextmanager
def _failing_as(command: str) -> Iterator[None]:
    """Name the command in the error of a block, so that people can repeat it."""
    try:
        yield
    except GromitError as error:
        raise BackendError(f"`gromit {command}`: {error.message}", hint=error.hint) from error
