"""Secrets in memory."""

from collections.abc import Collection, Mapping

from gromit.core.stack.secrets import MISSING_SECRET, SecretState, SecretStatus


class FakeSecrets:
    """The port `SecretWriter`: contains the secrets that tests write."""

    def __init__(self, *names: str) -> None:
        self.values: dict[str, list[str]] = {}
        """All values of each secret, oldest first; none for an empty one."""
        self.deleted: set[str] = set()
        self.asked: list[Collection[str]] = []
        """Ids of each question."""
        self.problem: Exception | None = None
        for name in names:
            self.write(name, "x")

    def states(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """Return the state of each secret; raise `problem` if it is set."""
        self.asked.append(ids)
        if self.problem:
            raise self.problem
        return {name: self._state(name) for name in ids}

    def write(self, name: str, value: str) -> None:
        """Write a value; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        self.values.setdefault(name, []).append(value)

    def _state(self, name: str) -> SecretState:
        arn = f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-AbCdEf"
        if name.startswith("arn:"):
            arn = name
        if name in self.deleted:
            return SecretState(SecretStatus.DELETED, arn, "1")
        if name not in self.values:
            return MISSING_SECRET
        if not self.values[name]:
            return SecretState(SecretStatus.EMPTY, arn)
        return SecretState(SecretStatus.SET, arn, str(len(self.values[name])))
