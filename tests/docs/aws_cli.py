"""The part of the AWS CLI that the pages use: `python -m tests.docs.aws_cli SERVICE OPERATION …`.

Pages run as they are written on machines without the AWS CLI. Services, operations, options,
waiters and the types of values come from the same models as the CLI's own. An option that the
model lacks is refused, so `faults` also checks commands that no test can run.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError, UnknownServiceError, WaiterError
from botocore.model import OperationModel, Shape, StructureShape

_SERVICES = {"s3api": "s3"}
_GLOBAL = {"query", "output", "region", "profile", "no-paginate", "max-items", "no-cli-pager"}
_OWN: Mapping[tuple[str, str], frozenset[str]] = {
    ("logs", "tail"): frozenset({"since", "follow", "filter-pattern", "format"}),
}
"""Commands of the CLI that are no operations, and their options."""
_FAILED = 255


class AwsUsageError(Exception):
    """A command that the AWS CLI refuses."""


def _session() -> Any:
    return botocore.session.get_session()


def operation_of(service: str, name: str) -> OperationModel:
    """Return an operation by the CLI's names. Raises `AwsUsageError` if there is none."""
    try:
        model = _session().get_service_model(_SERVICES.get(service, service))
    except UnknownServiceError as error:
        raise AwsUsageError(f"there is no service {service}") from error
    for operation in model.operation_names:
        if xform_name(operation, "-") == name:
            found: OperationModel = model.operation_model(operation)
            return found
    raise AwsUsageError(f"{service} has no operation {name}")


def _members(operation: OperationModel) -> dict[str, tuple[str, Shape]]:
    """Return the options of an operation: the member and shape that each sets."""
    shape = operation.input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    return {xform_name(name, "-"): (name, member) for name, member in members.items()}


def unknown_options(service: str, name: str, given: Sequence[str]) -> list[str]:
    """Return the options of a command that do not exist, without their dashes."""
    known = _OWN.get((service, name))
    if known is None:
        members = _members(operation_of(service, name))
        flags = {f"no-{n}" for n, (_, shape) in members.items() if shape.type_name == "boolean"}
        known = frozenset(members) | flags
    return [option for option in given if option not in known | _GLOBAL]


def faults(words: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the words of a command, without `aws` itself."""
    service, name, *rest = words
    if name == "wait":
        if rest[0] not in _waiters(service):
            yield f"{service} has no waiter {rest[0]}"
        return
    options = [w[2:].partition("=")[0] for w in rest if w.startswith("--")]
    try:
        yield from (f"no option --{o}" for o in unknown_options(service, name, options))
    except AwsUsageError as error:
        yield str(error)


def _waiters(service: str) -> list[str]:
    model = _session().get_waiter_model(_SERVICES.get(service, service))
    return [xform_name(name, "-") for name in model.waiter_names]


def _value(shape: Shape, words: Sequence[str]) -> Any:
    """Return the value of an option, read as its type demands."""
    text = _text(words[0]) if words else ""
    match shape.type_name:
        case "boolean":
            return True
        case "integer" | "long":
            return int(text)
        case "structure" | "map":
            return json.loads(text)
        case "list":
            return json.loads(text) if text.startswith("[") else list(words)
        case _:
            return text


def _text(word: str) -> str:
    return Path(word.removeprefix("file://")).read_text() if word.startswith("file://") else word


def arguments_of(operation: OperationModel, words: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return the arguments of a call, and the file for its output; empty if there is none."""
    members, found, file = _members(operation), dict[str, Any](), ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            file = word
            continue
        option = word[2:]
        taken = list[str]()
        member, shape = members[option.removeprefix("no-") if option not in members else option]
        many = shape.type_name == "list"
        while rest and not rest[0].startswith("--") and (many or not taken):
            if shape.type_name == "boolean":
                break
            taken.append(rest.pop(0))
        found[member] = option in members and _value(shape, taken)
    return found, file


def as_text(value: Any) -> str:
    """Return a result as `--output text` prints it."""
    if isinstance(value, list):
        if any(isinstance(part, list | dict) for part in value):
            return "\n".join(as_text(part) for part in value)
        return "\t".join(as_text(part) for part in value)
    if isinstance(value, dict):
        return "\t".join(as_text(value[name]) for name in sorted(value))
    return str(value)


def _run(words: Sequence[str], query: str, output: str) -> None:
    if wrong := list(faults(words)):
        raise AwsUsageError("; ".join(wrong))
    service, name, *rest = words
    client: Any = boto3.client(_SERVICES.get(service, service))  # type: ignore[call-overload]
    if name == "wait":
        waiter, *rest = rest
        found = client.get_waiter(waiter.replace("-", "_"))
        wanted, _ = arguments_of(_waited(client, found), rest)
        found.wait(WaiterConfig={"Delay": 1}, **wanted)
        return
    operation = operation_of(service, name)
    wanted, file = arguments_of(operation, rest)
    answer = getattr(client, xform_name(operation.name))(**wanted)
    answer.pop("ResponseMetadata", None)
    if operation.has_streaming_output:
        Path(file).write_bytes(answer.pop("Body").read())
    plain = json.loads(json.dumps(answer, default=_plain))
    chosen = jmespath.search(query, plain) if query else plain
    if chosen is not None and chosen != {}:
        shown = as_text(chosen) if output == "text" else json.dumps(chosen, indent=4)
        sys.stdout.write(f"{shown}\n")
    elif output == "text" and query:
        sys.stdout.write("None\n")


def _waited(client: Any, waiter: Any) -> OperationModel:
    operation: OperationModel = client.meta.service_model.operation_model(waiter.config.operation)
    return operation


def _plain(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def main(words: Sequence[str]) -> int:
    """Run one command. Return its exit code."""
    parser = argparse.ArgumentParser(prog="aws", allow_abbrev=False)
    parser.add_argument("--query", default="")
    parser.add_argument("--output", default="json", choices=("json", "text"))
    own, rest = parser.parse_known_args(list(words))
    try:
        _run(rest, own.query, own.output)
    except (AwsUsageError, ClientError, WaiterError) as error:
        sys.stderr.write(f"aws: {error}\n")
        return _FAILED
    return 0


def install(folder: Path, python: str, checkout: Path) -> None:
    """Write a program `aws` to a folder for the PATH of a page."""
    folder.mkdir(exist_ok=True)
    program = folder / "aws"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(checkout))}"
        f' exec {shlex.quote(python)} -m tests.docs.aws_cli "$@"\n'
    )
    program.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
