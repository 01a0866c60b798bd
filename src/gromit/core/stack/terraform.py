"""How terraform is called: versions, arguments, environment and inputs. Runs nothing.

This is the one owner of all `TF_*` variables: none of them comes through from outside, whatever it is called.
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
"""Variable that every process under a lock carries: terraform hands it on to its provider, so survivors are found by it."""

INPUTS_FILE = "terraform.tfvars.json"
BACKEND_FILE = "devenv.s3.tfbackend"
"""Settings of the backend, beside the folders that terraform runs in: not in its arguments, which everybody may read."""
STATE_KEY = "devenv"
"""Key of the state in the stack's backend block; an object of a workspace: see `state_key`."""

_OLDEST: Mapping[Product, tuple[int, int]] = {"terraform": (1, 11), "opentofu": (1, 10)}
_VERSION = re.compile(r"^(Terraform|OpenTofu) v(\d+)\.(\d+)\.(\d+)", re.MULTILINE)

_PASSED = re.compile(
    r"AWS_\w+|PATH|HOME|USER|TMPDIR|TERM|LANG|SSL_CERT_(?:FILE|DIR)|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy"
)
_SECRET = re.compile(r"AWS_\w*(?:SECRET|TOKEN)\w*")
_OURS = frozenset({"bucket", "key", "workspace_key_prefix", "use_lockfile", "dynamodb_table"})
_SETTING = re.compile(r"[A-Za-z_]\w*")
_SECRET_SETTING = re.compile(r"key|secret|token|password", re.IGNORECASE)


def state_key(environment: str) -> str:
    """Key of an environment's state, where the S3 backend keeps the workspace of that name."""
    return f"env:/{environment}/{STATE_KEY}"


@dataclass(frozen=True, slots=True)
class ToolVersion:
    """Which program it is, and how old."""

    product: Product
    numbers: tuple[int, int, int]

    @property
    def is_new_enough(self) -> bool:
        """Whether it locks states in S3 by itself: terraform from 1.11, OpenTofu from 1.10."""
        return self.numbers[:2] >= _OLDEST[self.product]

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.numbers))}"


def parse_tool_version(text: str) -> ToolVersion | None:
    """The version in the output of `terraform version` or `tofu version`; None if there is none in it."""
    match = _VERSION.search(text)
    if match is None:
        return None
    product: Product = "terraform" if match[1] == "Terraform" else "opentofu"
    return ToolVersion(product, (int(match[2]), int(match[3]), int(match[4])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where the states lie."""

    bucket: str
    region: str
    extra: tuple[str, ...] = ()
    """Further `key=value` settings of the S3 backend, for example `use_path_style=true`; a region here is the bucket's.

    They may hold secrets, so no error quotes more of them than their names.
    """

    def __post_init__(self) -> None:
        for number, setting in enumerate(self.extra, 1):
            name, found, _ = setting.partition("=")
            if not found or not _SETTING.fullmatch(name.strip()) or name.strip() in _OURS:
                shown = repr(name.strip()) if found else "no ="
                raise ConfigError(
                    f"setting {number} of terraform.backend has {shown}",
                    hint=f"give key=value settings of the S3 backend other than {', '.join(sorted(_OURS))}",
                )

    @property
    def settings(self) -> Mapping[str, str]:
        """All settings by name, but for the lock."""
        further = (setting.partition("=") for setting in self.extra)
        return {
            "region": self.region,
            **{name.strip(): value for name, _, value in further},
            "bucket": self.bucket,
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values among the settings that must never be shown."""
        return tuple(
            value
            for name, value in self.settings.items()
            if is_secret_setting(name) and len(value) >= 8
        )


def is_secret_setting(name: str) -> bool:
    """Whether the value of a backend's setting of this name is never shown: too many are hidden rather than one too few."""
    return _SECRET_SETTING.search(name) is not None


def backend_file(backend: Backend) -> str:
    """Text of `BACKEND_FILE`. Lists and maps are given as terraform writes them; all else is text, which it converts."""
    return "".join(f"{name} = {_expression(value)}\n" for name, value in backend.settings.items())


def _expression(value: str) -> str:
    if value.startswith(("[", "{")):
        return value
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def init_arguments(*, own_lock: bool) -> tuple[str, ...]:
    """`init` against the backend of `BACKEND_FILE`; `own_lock` False if the caller holds the environment's lock.

    Terraform locks a new workspace to create its state, whatever `-lock` says later: so it must be told here. The file's path is
    relative, as one with a `=` in it would be taken for a setting.
    """
    lock = f"-backend-config=use_lockfile={str(own_lock).lower()}"
    return ("init", "-input=false", "-no-color", f"-backend-config=../{BACKEND_FILE}", lock)


def apply_arguments() -> tuple[str, ...]:
    """`apply` under the caller's lock, speaking JSON."""
    return ("apply", "-input=false", "-auto-approve", "-lock=false", "-json")


def destroy_arguments() -> tuple[str, ...]:
    """`destroy` under the caller's lock, speaking JSON."""
    return ("destroy", "-input=false", "-auto-approve", "-lock=false", "-json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformCall:
    """What one run of terraform is told through its environment."""

    cli_config: str
    """Path of the CLI configuration file: ours, never the user's."""
    data_dir: str
    workspace: str | None = None
    """The environment; None for what concerns none of them (`init`, `version`)."""
    lock_id: str | None = None
    """The lock that it runs under."""
    by_hand: bool = False
    """A person sits before it: terraform may ask, and explains itself."""


def child_environment(outside: Mapping[str, str], call: TerraformCall) -> dict[str, str]:
    """All variables of a terraform process: what AWS, TLS and proxies need of those outside, and ours. No other `TF_*`."""
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
    return {name: value for name, value in outside.items() if _PASSED.fullmatch(name)} | ours


def secret_values(environment: Mapping[str, str], backend: Backend) -> tuple[str, ...]:
    """Values that terraform is given and must never show, the longest first, so that none is left half replaced."""
    found = {
        value for name, value in environment.items() if _SECRET.fullmatch(name) and len(value) >= 8
    } | {*backend.secrets}
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def cli_config(mirror: str | None) -> str:
    """Text of a CLI configuration file: providers come from the mirror's folder alone, or from the registry if there is none.

    No plugin cache: several `init` at once would stumble over each other in it.
    """
    if mirror is None:
        return "provider_installation {\n  direct {}\n}\n"
    return f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n  }}\n}}\n"


def inputs_json(stack: StackInput) -> str:
    """The stack's inputs as the text of `terraform.tfvars.json`: values can only ever be values in it."""
    return json.dumps(_plain(stack), indent=2, sort_keys=True)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
