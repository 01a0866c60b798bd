"""Calls of terraform: versions, arguments, environment and inputs. Runs nothing.

Only this module sets `TF_*` variables; gromit passes none of its own environment on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal

from gromit.core.stack.contract import StackInput
from gromit.errors import ConfigError

Product = Literal["terraform", "opentofu"]

LOCK_VARIABLE = "GROMIT_LOCK_ID"
"""Variable of every process under a lock.

Terraform passes it on to its providers, so it identifies processes that outlived their parent.
"""

INPUTS_FILE = "terraform.tfvars.json"
BACKEND_FILE = "devenv.s3.tfbackend"
"""File of backend settings, next to the folders that terraform runs in.

They are no arguments, because every user can read the arguments of a process.
"""
STATE_KEY = "devenv"
"""Key of the state in the stack's backend block; `state_key` gives the object of a workspace."""

_OLDEST: Mapping[Product, tuple[int, int]] = {"terraform": (1, 11), "opentofu": (1, 10)}
_VERSION = re.compile(r"^(Terraform|OpenTofu) v(\d+)\.(\d+)\.(\d+)", re.MULTILINE)

_PASSED = re.compile(
    r"AWS_\w+|PATH|HOME|USER|TMPDIR|TERM|LANG|SSL_CERT_(?:FILE|DIR)"
    r"|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|GOGC|GOMEMLIMIT"
)
_MEMORY: Mapping[str, str] = {"GOGC": "300", "GOMEMLIMIT": "300MiB"}
"""Variables of Go for a worker's terraform and provider, unless the worker has its own.

Most of what they hold are the schemas of all types, which stay until they end, so that looking for
garbage finds little. Up to the limit they look less often; beyond it, as often as they need to.
"""
_SECRET = re.compile(r"AWS_\w*(?:SECRET|TOKEN)\w*")
_OURS = frozenset({"bucket", "key", "workspace_key_prefix", "use_lockfile", "dynamodb_table"})
_SETTING = re.compile(r"[A-Za-z_]\w*")
_SECRET_SETTING = re.compile(r"key|secret|token|password", re.IGNORECASE)


def state_key(environment: str) -> str:
    """Key of an environment's state, where the S3 backend keeps the workspace of that name."""
    return f"env:/{environment}/{STATE_KEY}"


@dataclass(frozen=True, slots=True)
class ToolVersion:
    """Product and version of a terraform program."""

    product: Product
    numbers: tuple[int, int, int]

    @property
    def is_new_enough(self) -> bool:
        """Whether it can lock states in S3: terraform from 1.11, OpenTofu from 1.10."""
        return self.numbers[:2] >= _OLDEST[self.product]

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.numbers))}"


def parse_tool_version(text: str) -> ToolVersion | None:
    """Find the version in the output of `terraform version` or `tofu version`; None without one."""
    match = _VERSION.search(text)
    if match is None:
        return None
    product: Product = "terraform" if match[1] == "Terraform" else "opentofu"
    return ToolVersion(product, (int(match[2]), int(match[3]), int(match[4])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """S3 backend of the Terraform states."""

    bucket: str
    region: str
    extra: tuple[str, ...] = ()
    """More `key=value` settings of the S3 backend, for example `use_path_style=true`.

    A region among them is the bucket's. They may contain secrets, so errors quote only their names.
    """

    def __post_init__(self) -> None:
        for number, setting in enumerate(self.extra, 1):
            name, found, _ = setting.partition("=")
            if not found or not _SETTING.fullmatch(name.strip()) or name.strip() in _OURS:
                shown = repr(name.strip()) if found else "no ="
                raise ConfigError(
                    f"setting {number} of terraform.backend has {shown}",
                    hint="give key=value settings of the S3 backend other than "
                    + ", ".join(sorted(_OURS)),
                )

    @property
    def settings(self) -> Mapping[str, str]:
        """All settings by name, without the lock."""
        further = (setting.partition("=") for setting in self.extra)
        return {
            "region": self.region,
            **{name.strip(): value for name, _, value in further},
            "bucket": self.bucket,
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of settings that must never be shown."""
        return tuple(
            value
            for name, value in self.settings.items()
            if is_secret_setting(name) and len(value) >= 8
        )


def is_secret_setting(name: str) -> bool:
    """Whether a backend setting of this name may be a secret. Prefers false alarms to leaks."""
    return _SECRET_SETTING.search(name) is not None


def backend_file(backend: Backend) -> str:
    """Text of `BACKEND_FILE`.

    Lists and maps are copied in terraform's own notation. Other values are texts, which terraform
    converts.
    """
    return "".join(f"{name} = {_expression(value)}\n" for name, value in backend.settings.items())


def _expression(value: str) -> str:
    if value.startswith(("[", "{")):
        return value
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def init_arguments(*, own_lock: bool) -> tuple[str, ...]:
    """Arguments of `init` with the backend of `BACKEND_FILE`.

    `own_lock` is False if the caller holds the environment's lock. It has to be said here, because
    terraform locks a new workspace to create its state, whatever `-lock` says later.
    """
    # The path is relative: terraform takes a path that contains `=` for a setting.
    lock = f"-backend-config=use_lockfile={str(own_lock).lower()}"
    return ("init", "-input=false", "-no-color", f"-backend-config=../{BACKEND_FILE}", lock)


def apply_arguments(*, refresh: bool = True) -> tuple[str, ...]:
    """Arguments of `apply` under the caller's lock, with JSON output.

    Without `refresh`, Terraform takes what its state says for what exists.
    """
    arguments = ("apply", "-input=false", "-auto-approve", "-lock=false", "-json")
    return arguments if refresh else (*arguments, "-refresh=false")


def destroy_arguments() -> tuple[str, ...]:
    """Arguments of `destroy` under the caller's lock, with JSON output."""
    return ("destroy", "-input=false", "-auto-approve", "-lock=false", "-json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformCall:
    """Parameters of one terraform process that its environment variables carry."""

    cli_config: str
    """Path of gromit's CLI configuration file, never the user's."""
    data_dir: str
    workspace: str | None = None
    """Name of the environment; None for `init` and `version`, which need none."""
    lock_id: str | None = None
    """Id of the lock that the run holds."""
    by_hand: bool = False
    """Whether a person runs it, so that terraform may ask and explain."""


def child_environment(outside: Mapping[str, str], call: TerraformCall) -> dict[str, str]:
    """Environment of a terraform process: variables for AWS, TLS, proxies and memory, and ours.

    No other `TF_*` variable gets through.
    """
    ours = {
        "TF_CLI_CONFIG_FILE": call.cli_config,
        "TF_DATA_DIR": call.data_dir,
        "CHECKPOINT_DISABLE": "1",
    }
    if not call.by_hand:
        ours |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    if call.workspace is not None:
        ours["TF_WORKSPACE"] = call.workspace
    if call.lock_id is not None:
        ours[LOCK_VARIABLE] = call.lock_id
    passed = {name: value for name, value in outside.items() if _PASSED.fullmatch(name)}
    has_own = call.by_hand or not _MEMORY.keys().isdisjoint(passed)
    return ({} if has_own else dict(_MEMORY)) | passed | ours


def secret_values(environment: Mapping[str, str], backend: Backend) -> tuple[str, ...]:
    """Values that terraform gets and must never show.

    The longest come first, so that masking leaves no part of one that contains another.
    """
    found = set(backend.secrets)
    for name, value in environment.items():
        if _SECRET.fullmatch(name) and len(value) >= 8:
            found.add(value)
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def cli_config(mirror: str | None) -> str:
    """Text of a CLI configuration file.

    Providers come from the folder `mirror`, or from the registry if it is None. There is no plugin
    cache, because concurrent runs of `init` would interfere in it.
    """
    if mirror is None:
        return "provider_installation {\n  direct {}\n}\n"
    block = f"  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n  }}\n"
    return f"provider_installation {{\n{block}}}\n"


def inputs_json(stack: StackInput) -> str:
    """Stack inputs as text of `terraform.tfvars.json`, where terraform evaluates no value."""
    return json.dumps(_plain(stack), indent=2, sort_keys=True)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
