"""Comparison of the catalogue's `exec: true` with the components that the platform lets."""

from gromit.core.doctor.findings import Check, Finding, ok, wrong
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform


def judge_exec(catalogue: Catalogue, platform: Platform) -> Finding:
    """Whether people can run programs in all components whose catalogue says so."""
    check = Check.PLATFORM_EXEC
    wanted = sorted(name for name, component in catalogue.components.items() if component.exec)
    if not wanted:
        return ok(check, "no component of the catalogue says `exec: true`")
    if not platform.exec_role_arn:
        observed = f"the platform names no role for `env exec` in {_names(wanted)}"
        return wrong(check, observed, "apply terraform/infra of this release")
    missing = [name for name in wanted if not platform.lets_exec(name)]
    if missing:
        observed = f"the platform does not let people run programs in {_names(missing)}"
        remedy = "apply terraform/base with this catalogue, then terraform/infra"
        return wrong(check, observed, remedy)
    return ok(check, f"people may run programs in {_names(wanted)}")


def _names(names: list[str]) -> str:
    return ", ".join(names)
