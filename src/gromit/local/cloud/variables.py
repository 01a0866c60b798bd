"""What the parts of a local cloud, and the shells of its users, are told: the product's own settings, as environment variables."""

import shlex
from collections.abc import Mapping

from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.platform import BUCKET, PARAMETER

LOCAL_CREDENTIAL = "local"
"""Access key and secret of the emulated account, which takes any."""

INHERITED_VARIABLES = (
    "GROMIT_CATALOGUE",
    "GROMIT_REPOS",
    "GROMIT_ENVIRONMENTS_",
    "GROMIT_LEASE_",
    "GROMIT_LOG_",
    "GROMIT_REAP_LIMIT",
    "GROMIT_SOW_",
    "GROMIT_TERRAFORM_COMMAND",
    "GROMIT_TERRAFORM_GRACE",
    "GROMIT_TERRAFORM_MIRROR",
)
"""Settings (or their first parts) that a local cloud takes over from its user's environment; no others reach it."""

_COMPONENTS = ("GROMIT_CATALOGUE", "GROMIT_REPOS")
"""Those that the cloud keeps: what it has built from them stays in it."""

_AT_HOME = {"GROMIT_SOW_SETTLE_POLL": "0.2s", "GROMIT_REAP_LIMIT": "1000"}
"""What is set otherwise here than on AWS unless the user says so: nothing throttles, and nothing is lost with an environment."""


def user_variables(layout: CloudPaths, facts: CloudState) -> dict[str, str]:
    """With these, every `gromit` command, curl with the token and the AWS CLI work on the cloud.

    Commands do so as an operator, but sow and reap as a worker: no one role may do both.
    """
    return {
        **_shared(layout, facts),
        **_identity(layout, "operator"),
        "GROMIT_WORKER_CERT": str(layout.certificate("worker")),
        "GROMIT_WORKER_KEY": str(layout.key("worker")),
        "GROMIT_GATEWAY_URL": facts.url("gateway"),
        "GROMIT_TOKEN": layout.token.read_text().strip(),
        "GROMIT_GATEWAY_TOKENS": str(layout.tokens),
        "GROMIT_PKI_DIR": str(layout.pki),
        "GROMIT_SERVE_DENYLIST": str(layout.pki / "denylist"),
        "GROMIT_DNS": f"127.0.0.1:{facts.ports['dns']}",
        "GROMIT_ROOT": str(layout.config),
        "GROMIT_DOCTOR_ACCOUNT": facts.account_id,
        "GROMIT_DOCTOR_REGION": facts.region,
        "GROMIT_DOCTOR_RESOLVER": f"127.0.0.1:{facts.ports['dns']}",
    }


def shell_exports(variables: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The variables as lines for `eval` in a POSIX shell whose environment is `environ`.

    What is there of another installation, an endpoint or a profile of AWS for example, is unset: it would be in force beside them.
    """
    foreign = sorted(
        n
        for n in environ.keys() - variables.keys()
        if n.isidentifier() and (n in _COMPONENTS or _is_foreign(n))
    )
    unset = f"unset {' '.join(foreign)}\n" if foreign else ""
    return unset + "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()
    )


def components(facts: CloudState) -> dict[str, str]:
    """What the cloud's environments consist of; an empty variable is one that is not set."""
    return dict(zip(_COMPONENTS, (facts.catalogue, facts.repositories), strict=True))


def command_variables(environ: Mapping[str, str], layout: CloudPaths) -> dict[str, str]:
    """For the commands that prepare the cloud: nothing of other clouds, and where certificates and tokens go."""
    return {
        **_clean(environ),
        "GROMIT_PKI_DIR": str(layout.pki),
        "GROMIT_GATEWAY_TOKENS": str(layout.tokens),
    }


def serve_variables(
    environ: Mapping[str, str], layout: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """For `gromit serve`."""
    return {
        **_clean(environ),
        **_shared(layout, facts),
        "GROMIT_SERVE_LISTEN": f"127.0.0.1:{facts.ports['serve']}",
        "GROMIT_SERVE_HEALTH": f"127.0.0.1:{facts.ports['health']}",
        "GROMIT_SERVE_CERT": str(layout.certificate("serve")),
        "GROMIT_SERVE_KEY": str(layout.key("serve")),
        "GROMIT_SERVE_DENYLIST": str(layout.pki / "denylist"),
    }


def gateway_variables(
    environ: Mapping[str, str], layout: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """For `gromit gateway`, whose front is plain HTTP on loopback, so that curl needs no CA."""
    return {
        **_clean(environ),
        **_shared(layout, facts),
        **_identity(layout, "gateway"),
        "GROMIT_GATEWAY_LISTEN": f"127.0.0.1:{facts.ports['gateway']}",
        "GROMIT_GATEWAY_TOKENS": str(layout.tokens),
    }


def worker_variables(
    environ: Mapping[str, str], layout: CloudPaths, facts: CloudState
) -> dict[str, str]:
    """For sow, reap and chitragupta: nobody shall wait for them here."""
    return {
        **_clean(environ),
        **{name: environ.get(name, value) for name, value in _AT_HOME.items()},
        **_shared(layout, facts),
        **_identity(layout, "worker"),
        "GROMIT_DNS_BACKSTOP": "5s",
        "GROMIT_DNS_PAUSE": "1s",
        "GROMIT_TERRAFORM_WORK": str(layout.terraform),
    }


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings for AWS or for other installations of gromit."""
    return {k: v for k, v in environ.items() if not k.startswith("TF_") and not _is_foreign(k)}


def _is_foreign(name: str) -> bool:
    """Whether a variable is a setting of another installation."""
    return name.startswith(("AWS_", "GROMIT_")) and not name.startswith(INHERITED_VARIABLES)


def _identity(layout: CloudPaths, name: str) -> dict[str, str]:
    return {
        "GROMIT_CLIENT_CERT": str(layout.certificate(name)),
        "GROMIT_CLIENT_KEY": str(layout.key(name)),
    }


def _shared(layout: CloudPaths, facts: CloudState) -> dict[str, str]:
    return {
        **{name: value for name, value in components(facts).items() if value},
        "GROMIT_REAP_GRACE": "0",
        "GROMIT_SERVE_URL": facts.url("serve", "https"),
        "GROMIT_CA": str(layout.certificate("ca")),
        "GROMIT_CLUSTER_DOMAIN": facts.domain,
        "GROMIT_CLUSTER_ZONEID": facts.zone_id,
        "GROMIT_CLUSTER_PLATFORM": PARAMETER,
        "GROMIT_REGISTRYID": facts.account_id,
        "GROMIT_STATE_BUCKET": BUCKET,
        "GROMIT_TERRAFORM_OVERLAY": str(layout.overlay),
        "GROMIT_TERRAFORM_BACKEND": "use_path_style=true",
        "AWS_ENDPOINT_URL": facts.url("aws"),
        "AWS_REGION": facts.region,
        "AWS_DEFAULT_REGION": facts.region,
        "AWS_ACCESS_KEY_ID": LOCAL_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": LOCAL_CREDENTIAL,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
