"""Environment variables with the product's settings, for the cloud's parts and users' shells."""

import shlex
from collections.abc import Mapping

from gromit.errors import ConfigError
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.platform import BUCKET, PARAMETER
from gromit.local.login.made_up import LoginSecrets, gateway_login

LOCAL_CREDENTIAL = "local"
"""Access key and secret of the emulated account, which accepts any."""

INHERITED_VARIABLES = (
    "GROMIT_CATALOGUE",
    "GROMIT_REPOS",
    "GROMIT_ENVIRONMENTS_",
    "GROMIT_LEASE_",
    "GROMIT_LIFETIME_",
    "GROMIT_LOG_",
    "GROMIT_REAP_",
    "GROMIT_SERVE_CANARY_",
    "GROMIT_SOW_",
    "GROMIT_TABLENAME",
    "GROMIT_TERRAFORM_COMMAND",
    "GROMIT_TERRAFORM_GRACE",
    "GROMIT_TERRAFORM_MIRROR",
)
"""Settings, or beginnings of them, that a local cloud inherits from its user's environment.

No other settings reach it.
"""

GRACE = "GROMIT_REAP_GRACE"
"""Zero for parts and users, so that nothing waits for a deletion's grace period, unless it is
chosen for this cloud: the one of another installation does not reach it."""

_COMPONENTS = ("GROMIT_CATALOGUE", "GROMIT_REPOS")
"""Settings that the cloud stores, as environments built with them stay in it."""

_DEFAULTS = {"GROMIT_SOW_SETTLE_POLL": "0.2s", "GROMIT_REAP_LIMIT": "1000"}
"""Defaults that differ from AWS: nothing throttles here, and no environment holds valuable data."""


def user_variables(place: CloudPaths, facts: CloudState) -> dict[str, str]:
    """Return variables with which `gromit`, curl with the token and the AWS CLI use the cloud.

    Commands run as an operator, but sow and reap as a worker: no role may do both.
    """
    return {
        **_shared(place, facts),
        **_identity(place, "operator"),
        "GROMIT_WORKER_CERT": str(place.certificate("worker")),
        "GROMIT_WORKER_KEY": str(place.key("worker")),
        "GROMIT_GATEWAY_URL": facts.url("gateway"),
        "GROMIT_TOKEN": place.token.read_text().strip(),
        "GROMIT_GATEWAY_TOKENS": str(place.tokens),
        "GROMIT_PKI_DIR": str(place.pki),
        "GROMIT_SERVE_DENYLIST": str(place.pki / "denylist"),
        "GROMIT_DNS": f"127.0.0.1:{facts.ports['dns']}",
        **_name_proxy(facts),
        "GROMIT_ROOT": str(place.config),
        "GROMIT_DOCTOR_ACCOUNT": facts.account_id,
        "GROMIT_DOCTOR_REGION": facts.region,
        "GROMIT_DOCTOR_RESOLVER": f"127.0.0.1:{facts.ports['dns']}",
    }


def person_variables(
    place: CloudPaths, facts: CloudState, *, with_aws: bool = False
) -> dict[str, str]:
    """Return variables for a person who logs in: the gateway, and where the login is kept.

    `with_aws` adds AWS credentials, which a person needs to run programs in containers.
    """
    return {
        **(_aws(facts) if with_aws else {}),
        "GROMIT_GATEWAY_URL": facts.url("gateway"),
        "GROMIT_CLIENT_LOGIN": str(place.login),
        **_name_proxy(facts),
    }


def shell_exports(variables: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the variables as lines for `eval` in a POSIX shell with the environment `environ`.

    The lines unset variables of another installation, for example an endpoint or an AWS profile,
    as they would still apply.
    """
    others = [name for name in environ.keys() - variables.keys() if name.isidentifier()]
    foreign = sorted(name for name in others if name in _COMPONENTS or _is_foreign(name))
    unset = f"unset {' '.join(foreign)}\n" if foreign else ""
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return unset + "".join(exports)


def components(facts: CloudState) -> dict[str, str]:
    """Return the catalogue settings of the cloud; an empty one counts as not set."""
    return dict(zip(_COMPONENTS, (facts.catalogue, facts.repositories), strict=True))


def with_settings(environ: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a new cloud with chosen settings, by variable.

    Raises `ConfigError` for a setting that a local cloud does not inherit.
    """
    for name in chosen:
        if not name.startswith(INHERITED_VARIABLES):
            raise ConfigError(
                f"a local cloud does not take {name} from its user",
                hint="It chooses addresses, certificates and accounts itself.",
            )
    return {**{name: value for name, value in environ.items() if name != GRACE}, **chosen}


def command_variables(environ: Mapping[str, str], place: CloudPaths) -> dict[str, str]:
    """Return variables for preparing the cloud: the paths of certificates and tokens.

    Settings of other clouds are removed.
    """
    return {
        **_clean(environ),
        "GROMIT_PKI_DIR": str(place.pki),
        "GROMIT_GATEWAY_TOKENS": str(place.tokens),
    }


def serve_variables(
    environ: Mapping[str, str], place: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """Return variables for `gromit serve`."""
    return {
        **_clean(environ),
        **_shared(place, facts),
        "GROMIT_SERVE_LISTEN": f"127.0.0.1:{facts.ports['serve']}",
        "GROMIT_SERVE_HEALTH": f"127.0.0.1:{facts.ports['health']}",
        "GROMIT_SERVE_CERT": str(place.certificate("serve")),
        "GROMIT_SERVE_KEY": str(place.key("serve")),
        "GROMIT_SERVE_DENYLIST": str(place.pki / "denylist"),
        **({"GROMIT_SERVE_PEOPLE": "operator"} if facts.people else {}),
        "GROMIT_SERVE_AUDIT_FILE": str(place.logs / "serve.log"),
    }


def gateway_variables(
    environ: Mapping[str, str], place: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """Return variables for `gromit gateway`.

    It listens for plain HTTP on loopback, so curl needs no CA.
    """
    return {
        **_clean(environ),
        **_shared(place, facts),
        **_identity(place, "gateway"),
        "GROMIT_GATEWAY_LISTEN": f"127.0.0.1:{facts.ports['gateway']}",
        "GROMIT_METRICS_LISTEN": f"127.0.0.1:{facts.ports['metrics']}",
        "GROMIT_GATEWAY_TOKENS": str(place.tokens),
        "GROMIT_GATEWAY_URL": facts.url("gateway"),
        **_login(place, facts),
    }


def worker_variables(
    environ: Mapping[str, str], place: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """Return variables for sow, reap and chitragupta, with short pauses."""
    return {
        **_clean(environ),
        **{name: environ.get(name, value) for name, value in _DEFAULTS.items()},
        **_shared(place, facts),
        **_identity(place, "worker"),
        "GROMIT_DNS_BACKSTOP": "5s",
        "GROMIT_DNS_PAUSE": "1s",
        "GROMIT_TERRAFORM_WORK": str(place.terraform),
    }


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of terraform, AWS and other installations."""
    return {k: v for k, v in environ.items() if not k.startswith("TF_") and not _is_foreign(k)}


def _is_foreign(name: str) -> bool:
    """Whether a variable is a setting of another installation."""
    return name.startswith(("AWS_", "GROMIT_")) and not name.startswith(INHERITED_VARIABLES)


def _identity(place: CloudPaths, name: str) -> dict[str, str]:
    return {
        "GROMIT_CLIENT_CERT": str(place.certificate(name)),
        "GROMIT_CLIENT_KEY": str(place.key(name)),
    }


def _name_proxy(facts: CloudState) -> dict[str, str]:
    # A cloud that an earlier release brought up has none.
    port = facts.ports.get("names")
    return {} if port is None else {"GROMIT_CLIENT_NAME_PROXY": f"localhost:{port}"}


def _login(place: CloudPaths, facts: CloudState) -> dict[str, str]:
    if not facts.people:
        return {}
    return gateway_login(facts.url("login"), LoginSecrets.read(place.login_secrets))


def _shared(place: CloudPaths, facts: CloudState) -> dict[str, str]:
    return {
        **{name: value for name, value in components(facts).items() if value},
        GRACE: facts.grace,
        "GROMIT_SERVE_URL": facts.url("serve", "https"),
        "GROMIT_CA": str(place.certificate("ca")),
        "GROMIT_CLUSTER_DOMAIN": facts.domain,
        "GROMIT_CLUSTER_ZONEID": facts.zone_id,
        "GROMIT_CLUSTER_PLATFORM": PARAMETER,
        "GROMIT_REGISTRYID": facts.account_id,
        "GROMIT_STATE_BUCKET": BUCKET,
        "GROMIT_TERRAFORM_OVERLAY": str(place.overlay),
        "GROMIT_TERRAFORM_BACKEND": "use_path_style=true",
        **_aws(facts),
    }


def _aws(facts: CloudState) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": facts.url("aws"),
        "AWS_REGION": facts.region,
        "AWS_DEFAULT_REGION": facts.region,
        "AWS_ACCESS_KEY_ID": LOCAL_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": LOCAL_CREDENTIAL,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
