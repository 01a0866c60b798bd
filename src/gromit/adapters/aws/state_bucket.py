"""States of environments in S3, each with terraform's own lock: an object that exists during work.

The lock has terraform's format, so that terraform's messages name the holder and people can read
it. Its field `Info`, which terraform does not use, holds the owner
(`core.environments.terraform_locks.Owner`) as JSON; that later proves a worker's death. Every
change of a lock is one conditional request: `If-None-Match: *` takes it, and `If-Match` replaces or
releases exactly the lock that was read. A conflict (409) decides nothing: the request is temporary.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner
from gromit.core.names import is_environment_name
from gromit.core.stack.contract import LINEAGE_MAX, SERIAL_MAX, StateHead, StateMark
from gromit.core.stack.marks import parse_tags
from gromit.core.stack.resources import held_resources, tainted_resources
from gromit.core.stack.terraform import state_key
from gromit.core.stack.v1_states import is_v1_state
from gromit.errors import BackendError, Conflict, Temporary
from gromit.ports.inventory import StateNames

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = structlog.get_logger(__name__)

_LOST = frozenset({"PreconditionFailed", "412"})
_ABSENT = frozenset({"NoSuchKey", "404"})
_TRIES = 5
_WORKSPACES = "env:/"
"""Beginning of the keys of states of environments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3StateBucket:
    """The ports `StateBucket` and `StateArchive`."""

    client: "S3Client"
    bucket: str
    installation: str = ""
    """Name of this installation; empty if it has none."""
    who: str
    """`user@host`, as terraform names the holder of a lock."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    """Returns a unique id."""

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        """Raise `Temporary` if other owners take and release the lock all the time."""
        for _ in range(_TRIES):
            lock = self._put_lock(environment, owner, operation, IfNoneMatch="*")
            if lock is not None:
                return lock
            # The lock existed at the put and was released before it could be read: try again.
        raise Temporary(
            f"the lock of {environment} keeps changing its owner",
            hint="try again when the other operations have ended",
        )

    def replace_lock(self, found: FoundLock, owner: Owner, operation: str) -> Lock | None:
        """Return None if the lock is gone or another one."""
        lock = self._put_lock(found.environment, owner, operation, IfMatch=found.etag)
        if not isinstance(lock, Lock):
            return None
        _log.warning("lock.replaced", env=found.environment, left_by=found.who, lock=found.id)
        return lock

    def unlock(self, lock: Lock | FoundLock) -> bool:
        """Return False if the lock is gone or another one."""
        with aws_errors(f"release the lock of {lock.environment}"):
            try:
                self.client.delete_object(
                    Bucket=self.bucket, Key=lock_key(lock.environment), IfMatch=lock.etag
                )
            except ClientError as error:
                if error_code(error) in _LOST | _ABSENT:
                    return False
                raise
        return True

    def find_lock(self, environment: str) -> FoundLock | None:
        """Return any owner's lock; an object that is not in the lock format has no owner."""
        found = self._get(lock_key(environment), f"read the lock of {environment}")
        if found is None:
            return None
        body, etag = found
        lock = _parse_object(body)
        return FoundLock(
            environment=environment,
            id=_text(lock, "ID"),
            etag=etag,
            who=_text(lock, "Who") or "unknown",
            operation=_text(lock, "Operation"),
            created=_text(lock, "Created"),
            owner=_owner(_text(lock, "Info")),
        )

    def locked(self) -> Sequence[str]:
        """List the keys of all states and locks; a thousand of them are one request."""
        return sorted(self.names().locks)

    def head(self, environment: str) -> StateHead | None:
        """Look only at managed resources, not at data sources.

        Terraform, too, takes an object of 0 bytes for no state.
        """
        found = self._state(environment)
        return found[0] if found else None

    def delete(self, environment: str) -> None:
        """Raise `Conflict` also if the state changed after it was checked."""
        found = self._state(environment)
        if found is None:
            return
        head, etag = found
        if head is not None and head.resources:
            raise Conflict(
                f"the state of {environment} still has {head.resources} resources",
                hint=f"run `gromit terraform {environment} -- state list`; reap destroys them",
            )
        with aws_errors(f"delete the state of {environment}"):
            try:
                self.client.delete_object(
                    Bucket=self.bucket, Key=state_key(environment), IfMatch=etag
                )
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return
                if error_code(error) in _LOST:
                    raise Conflict(f"the state of {environment} has changed meanwhile") from error
                raise

    def names(self) -> StateNames:
        """Make one call for 1,000 objects."""
        keys = self._keys()
        valid = {name for name in _named(keys) if is_environment_name(name)}
        return StateNames(
            frozenset(name for name in valid if state_key(name) in keys),
            frozenset(name for name in valid if lock_key(name) in keys),
        )

    def v1_names(self) -> frozenset[str]:
        """Make one call for 1,000 objects."""
        try:
            keys = self._keys()
        except BackendError as error:
            if isinstance(error.__cause__, self.client.exceptions.NoSuchBucket):
                return frozenset()
            raise
        named = _named(keys)
        return frozenset(n for n in named if not is_environment_name(n) and state_key(n) in keys)

    def rewrite(
        self, lock: Lock, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
    ) -> str:
        """Keep a copy before the change: a crash in between leaves both."""
        key, environment = state_key(lock.environment), lock.environment
        found = self._get(key, f"read the state of {environment}")
        after = change(_parse_object(found[0])) if found else None
        if found is None or after is None:
            return ""
        kept = f"{key}.v1-{self.now():%Y%m%dT%H%M%S.%fZ}"
        with aws_errors(f"change the state of {environment}"), _unless_changed(environment):
            self._put_state(kept, found[0])
            self._put_state(key, json.dumps(after).encode(), IfMatch=found[1])
        _log.warning("state.taken_over", env=environment, key=kept)
        return f"s3://{self.bucket}/{kept}"

    def set_aside(self, lock: Lock) -> str:
        """Copy the state, then delete it: a crash in between leaves both."""
        return self._set_aside(lock.environment)

    def set_v1_aside(self, name: str) -> str:
        """Take no lock: no worker uses a state of such a name."""
        return self._set_aside(name)

    def _set_aside(self, environment: str) -> str:
        key = state_key(environment)
        found = self._get(key, f"read the state of {environment}")
        if found is None:
            return ""
        aside = f"{key}.aside-{self.now():%Y%m%dT%H%M%S.%fZ}"
        with aws_errors(f"set the state of {environment} aside"), _unless_changed(environment):
            self._put_state(aside, found[0])
            self.client.delete_object(Bucket=self.bucket, Key=key, IfMatch=found[1])
        _log.warning("state.set_aside", env=environment, key=aside)
        return f"s3://{self.bucket}/{aside}"

    def copy(self, source: str, target: str) -> bool:
        """Copy by a conditional put, so that a state that exists is never replaced."""
        with aws_errors(f"copy the state of {source} to {target}"):
            try:
                body = self.client.get_object(Bucket=self.bucket, Key=state_key(source))["Body"]
                self._put_state(state_key(target), body.read(), IfNoneMatch="*")
            except ClientError as error:
                if error_code(error) in _LOST | _ABSENT | {"NoSuchBucket"}:
                    return False
                raise
        _log.info("state.copied", env=target, source=source)
        return True

    def has_other(self, source: str, target: str) -> bool:
        """Compare byte for byte: a copy that was not used yet is the same."""
        one, other = (
            self._get(state_key(name), f"read the state of {name}") for name in (source, target)
        )
        return one is not None and other is not None and one[0] != other[0]

    def keep_errored(self, environment: str, state: bytes) -> str:
        """Store a state that terraform could not save beside the real one, and return its URL.

        Only people use it: nothing reads it automatically.
        """
        key = f"{state_key(environment)}.errored-{self.now():%Y%m%dT%H%M%S.%fZ}"
        with aws_errors(f"keep the unsaved state of {environment}"):
            self._put_state(key, state)
        _log.error("state.rescued", env=environment, key=key)
        return f"s3://{self.bucket}/{key}"

    def _keys(self) -> frozenset[str]:
        """Return all keys of states, locks and what is kept beside them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=_WORKSPACES
        )
        with aws_errors("list the states"):
            return frozenset(item["Key"] for page in pages for item in page.get("Contents", []))

    def _put_lock(
        self, environment: str, owner: Owner, operation: str, **condition: Any
    ) -> Lock | FoundLock | None:
        """Return our lock, or the existing one; None if the condition failed and no lock exists.

        If the response of a put is lost, the SDK sends the put again and finds our own lock. The id
        shows that it is ours.
        """
        lock_id = self.new_id()
        body = json.dumps(self._body(lock_id, environment, owner, operation)).encode()
        key = lock_key(environment)
        with aws_errors(f"lock the state of {environment}"):
            try:
                response = self.client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    **condition,
                )
                return Lock(environment=environment, id=lock_id, etag=response["ETag"])
            except ClientError as error:
                if error_code(error) not in _LOST | _ABSENT:
                    raise
        found = self.find_lock(environment)
        if found is not None and found.id == lock_id:
            return Lock(environment=environment, id=lock_id, etag=found.etag)
        return found

    def _body(
        self, lock_id: str, environment: str, owner: Owner, operation: str
    ) -> Mapping[str, str]:
        return {
            "ID": lock_id,
            "Operation": operation,
            "Info": json.dumps(asdict(owner)),
            "Who": self.who,
            "Version": "gromit",
            "Created": self.now().isoformat().replace("+00:00", "Z"),
            "Path": f"{self.bucket}/{state_key(environment)}",
        }

    def _state(self, environment: str) -> tuple[StateHead | None, str] | None:
        """Return head and etag of a state; the head is None for an object of 0 bytes."""
        found = self._get(state_key(environment), f"read the state of {environment}")
        if found is None:
            return None
        body, etag = found
        state = _parse_object(body)
        return (_head(environment, state, self.installation) if body else None), etag

    def _put_state(self, key: str, body: bytes, **condition: Any) -> None:
        self.client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **condition
        )

    def _get(self, key: str, doing: str) -> tuple[bytes, str] | None:
        with aws_errors(doing):
            try:
                response = self.client.get_object(Bucket=self.bucket, Key=key)
                return response["Body"].read(), response["ETag"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise


@contextmanager
def _unless_changed(environment: str) -> Iterator[None]:
    """Raise `Conflict` if the state is not the one that was read any more."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in _LOST | _ABSENT:
            raise Conflict(f"the state of {environment} has changed meanwhile") from error
        raise


def _named(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(key.removeprefix(_WORKSPACES).partition("/")[0] for key in keys)


def lock_key(environment: str) -> str:
    """Return the key of an environment's lock, as terraform's `use_lockfile` names it."""
    return f"{state_key(environment)}.tflock"


def _parse_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body; an empty one for any other content."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _owner(info: str) -> Owner | None:
    """Return the owner in a lock of ours; None for another lock, and for an invalid owner."""
    value = _parse_object(info.encode(errors="replace"))
    try:
        owner = Owner(**value)
    except TypeError:
        return None
    # A dataclass does not check the types of its fields.
    texts = [getattr(owner, f.name) for f in fields(owner) if f.name not in {"pid", "started"}]
    if not all(type(number) is int for number in (owner.pid, owner.started)):
        return None
    if not all(isinstance(text, str) or text is None for text in texts):
        return None
    return owner


def _head(environment: str, state: Mapping[str, Any], installation: str) -> StateHead:
    """Parse a state. Raises `BackendError` for any other content: it must not seem empty."""
    mark, resources = _mark(state), state.get("resources")
    if mark is None or not isinstance(resources, list):
        raise BackendError(
            f"the state of {environment} is not a terraform state",
            hint="check the object's earlier versions, or read the state with `gromit terraform`",
        )
    managed = [r for r in resources if isinstance(r, dict) and r.get("mode") != "data"]
    instances = [i for r in managed for i in r.get("instances") or [None]]
    tagged = list(_tags(instances))
    return StateHead(
        len(instances),
        mark,
        frozenset(str(tags.get("env") or "") for tags in tagged),
        held_resources(state),
        tainted_resources(state),
        is_v1_state(state),
        frozenset(parse_tags(tags).owner(installation) for tags in tagged) - {""},
    )


def _mark(state: Mapping[str, Any]) -> StateMark | None:
    lineage, serial = state.get("lineage"), state.get("serial")
    if not isinstance(lineage, str) or not 0 < len(lineage) <= LINEAGE_MAX:
        return None
    # `true` would be an int for isinstance.
    if type(serial) is not int or not 0 <= serial <= SERIAL_MAX:
        return None
    return StateMark(lineage, serial)


def _tags(instances: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the tags of each instance that has any."""
    for instance in instances:
        attributes = instance.get("attributes") if isinstance(instance, dict) else None
        if not isinstance(attributes, dict):
            continue
        tags = attributes.get("tags") or attributes.get("tags_all")
        if isinstance(tags, dict) and tags:
            yield tags
