"""States of environments in S3, and terraform's own lock beside each: an object that exists while somebody works.

Its body is terraform's, so that terraform's messages name the holder and people can read it; what proves a worker's death later
(`core.locks.Owner`) is JSON in the field `Info`, which terraform leaves to whoever locks. Every change of a lock is one
conditional request: `If-None-Match: *` takes it, `If-Match` replaces or releases exactly the lock that was looked at.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.environments.locks import FoundLock, Lock, Owner
from gromit.core.stack.contract import StateHead
from gromit.core.stack.terraform import state_key
from gromit.errors import BackendError, Conflict, Temporary

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_log = structlog.get_logger(__name__)

_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_ABSENT = frozenset({"NoSuchKey", "404"})
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class S3StateBucket:
    """The port `StateBucket` on a bucket."""

    client: "S3Client"
    bucket: str
    who: str
    """`user@host`, as terraform names the holder of a lock."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    """Gives an id that was never given before."""

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        """Take the lock, or say who has it. Raises `Temporary` if it keeps changing hands."""
        for _ in range(_TRIES):
            answer = self._put_lock(environment, owner, operation, IfNoneMatch="*")
            if answer is not None:
                return answer
        raise Temporary(
            f"the lock of {environment} keeps changing hands",
            hint="try again when the others have done",
        )

    def replace_lock(self, found: FoundLock, owner: Owner, operation: str) -> Lock | None:
        """Put our lock in the place of `found`; None if it is not there any more."""
        answer = self._put_lock(found.environment, owner, operation, IfMatch=found.etag)
        if not isinstance(answer, Lock):
            return None
        _log.warning("lock.replaced", env=found.environment, left_by=found.who, lock=found.id)
        return answer

    def unlock(self, lock: Lock | FoundLock) -> bool:
        """Delete exactly this lock; False if it was gone or is another one by now."""
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
        """The lock that lies on the state, whoever took it; a body that is no lock's is a lock without an owner."""
        found = self._get(lock_key(environment), f"read the lock of {environment}")
        if found is None:
            return None
        body, etag = found
        lock = _parsed(body)
        return FoundLock(
            environment=environment,
            id=_text(lock, "ID"),
            etag=etag,
            who=_text(lock, "Who") or "somebody unknown",
            operation=_text(lock, "Operation"),
            created=_text(lock, "Created"),
            owner=_owner(_text(lock, "Info")),
        )

    def head(self, environment: str) -> StateHead | None:
        """How many managed resources the state holds; None if there is none."""
        found = self._state(environment)
        return found[0] if found else None

    def delete(self, environment: str) -> None:
        """Remove the state if it holds no resource, and is still the one that was looked at; else `Conflict`."""
        found = self._state(environment)
        if found is None:
            return
        head, etag = found
        if head.resources:
            raise Conflict(
                f"the state of {environment} still holds {head.resources} resources",
                hint=f"`gromit terraform {environment} -- state list` shows them; reap destroys them first",
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

    def keep_errored(self, environment: str, state: bytes) -> str:
        """Put a state that terraform could not save beside the real one; gives where. For people: nothing reads it by itself."""
        key = f"{state_key(environment)}.errored-{self.now():%Y%m%dT%H%M%S.%fZ}"
        with aws_errors(f"keep the unsaved state of {environment}"):
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=state, ContentType="application/json"
            )
        _log.error("state.rescued", env=environment, key=key)
        return f"s3://{self.bucket}/{key}"

    def _put_lock(
        self, environment: str, owner: Owner, operation: str, **condition: Any
    ) -> Lock | FoundLock | None:
        """Ours, or the one in our way; None if the condition did not hold and yet there is none.

        A put that the SDK sent again, because the answer was lost, finds our own lock in its way: its id tells.
        """
        lock_id = self.new_id()
        body = json.dumps(self._body(lock_id, environment, owner, operation)).encode()
        key = lock_key(environment)
        with aws_errors(f"lock the state of {environment}"):
            try:
                answer = self.client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    **condition,
                )
                return Lock(environment=environment, id=lock_id, etag=answer["ETag"])
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

    def _state(self, environment: str) -> tuple[StateHead, str] | None:
        found = self._get(state_key(environment), f"read the state of {environment}")
        if found is None:
            return None
        body, etag = found
        return _head(environment, _parsed(body)), etag

    def _get(self, key: str, doing: str) -> tuple[bytes, str] | None:
        with aws_errors(doing):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=key)
                return answer["Body"].read(), answer["ETag"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise


def lock_key(environment: str) -> str:
    """Key of the lock on it: terraform's `use_lockfile` puts it there."""
    return f"{state_key(environment)}.tflock"


def _parsed(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body; an empty one if it holds something else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _owner(info: str) -> Owner | None:
    """The owner in a lock of ours; None if there is none, or one of a form that we cannot judge by."""
    value = _parsed(info.encode(errors="replace"))
    try:
        owner = Owner(**value)
    except TypeError:
        return None
    numbers, texts = (
        (owner.pid, owner.started),
        [getattr(owner, f.name) for f in fields(owner) if f.name not in {"pid", "started"}],
    )
    sound = all(type(n) is int for n in numbers) and all(
        isinstance(t, str) or t is None for t in texts
    )
    return owner if sound else None


def _head(environment: str, state: Mapping[str, Any]) -> StateHead:
    """Raises `BackendError` if it is no state: nothing may be concluded from it, least of all that it is empty."""
    serial, lineage, resources = state.get("serial"), state.get("lineage"), state.get("resources")
    if not (isinstance(serial, int) and isinstance(lineage, str) and isinstance(resources, list)):
        raise BackendError(
            f"the state of {environment} is not understood",
            hint="look at the object's earlier versions, or `gromit terraform` for what terraform says of it",
        )
    managed = [r for r in resources if isinstance(r, dict) and r.get("mode") != "data"]
    return StateHead(sum(len(r.get("instances") or [None]) for r in managed))
