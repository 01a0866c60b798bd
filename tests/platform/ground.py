"""The ground of `terraform/infra`, applied once for the tests of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.platform.emulator import Emulator
from tests.platform.roots import Plan, Root


@dataclass(frozen=True, slots=True)
class Ground:
    """An account in which infra has been applied, without the tasks of the control plane."""

    emulator: Emulator
    root: Root
    base: Mapping[str, Any]
    first: Plan
    """Planned changes of the first apply."""

    def client(self, service: str) -> Any:
        """Return a client of the emulated account."""
        return self.emulator.client(service)

    def policies(self, role: str) -> list[dict[str, Any]]:
        """Return all statements of a role's policies."""
        iam = self.client("iam")
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == [], (
            "AWS may widen a policy that it manages"
        )
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
        ]
        return [statement for document in documents for statement in document["Statement"]]
