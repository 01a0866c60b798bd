"""Secrets of an environment's stack: refused before an apply if one has no value."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secret_sources import secret_faults, secret_ids
from gromit.core.stack.secrets import LEFT_OUT, MISSING_SECRET, SecretState
from gromit.errors import Denied, InvalidInput
from gromit.ports import Progress
from gromit.ports.secrets import SecretDirectory


@dataclass(frozen=True, slots=True)
class StackSecrets:
    """Secrets that the components of every environment need."""

    directory: SecretDirectory
    catalogue: Catalogue

    def states(self) -> Mapping[str, SecretState]:
        """Return the state of each secret, by the name or ARN that components use."""
        ids = secret_ids(self.catalogue)
        found = self.directory.states(sorted(set(ids.values()))) if ids else {}
        return {source: found.get(known, MISSING_SECRET) for source, known in ids.items()}

    def usable(self) -> Mapping[str, SecretState]:
        """Return the states of all secrets. Raises `InvalidInput` if one has no source or value."""
        states = self.states()
        if faults := secret_faults(self.catalogue, states):
            remedies = dict.fromkeys(fault.remedy for fault in faults)
            raise InvalidInput("; ".join(map(str, faults)), hint="; ".join(remedies))
        return states

    def known(self, warn: Progress) -> Mapping[str, SecretState]:
        """Return the states of all secrets; one without a value is left out, with a warning.

        If gromit may not look at secrets, all are left out.
        """
        try:
            states = self.states()
        except Denied as error:
            warn(f"warning: {error.message}; secrets are left out of this plan")
            return dict.fromkeys(secret_ids(self.catalogue), LEFT_OUT)
        for fault in secret_faults(self.catalogue, states):
            warn(f"warning: {fault}; its variable is left out of this plan")
        return {source: state if state.is_usable else LEFT_OUT for source, state in states.items()}
