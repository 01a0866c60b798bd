"""Owners of locks, in memory."""

from gromit.core.environments.terraform_locks import FoundLock, Owner, Verdict


def owner(number: int, host: str = "here") -> Owner:
    """Return a worker process; different numbers are different processes."""
    return Owner(boot_id="boot", pid_namespace="pid:[1]", pid=number, started=number, host=host)


class FakeOwners:
    """The port `OwnerWatch`: this process is number 1; those in `dead` are proven dead."""

    def __init__(self, me: Owner | None = None) -> None:
        self._me = me or owner(1)
        self.dead: set[Owner] = set()

    def identify(self) -> Owner:
        """Return this process."""
        return self._me

    def check_owner(self, found: FoundLock) -> Verdict:
        """Report an owner as dead if it is in `dead`."""
        if found.owner in self.dead:
            return Verdict(dead=True, reason="the process is dead")
        return Verdict(dead=False, reason=f"{found.who} lives")
