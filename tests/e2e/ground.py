"""The emulated AWS that all end-to-end tests of one pytest process stand on: the parts of a local cloud, without its workers."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gromit.adapters.catalogue import file as catalogue_file
from gromit.local.cloud import cloud, network
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import CloudParts, emulated_account
from gromit.local.cloud.platform import make_platform
from gromit.local.cloud.supervisor import Supervisor
from gromit.local.cloud.trust import make_trust

CATALOGUE = Path(__file__).with_name("catalogue") / "two.yaml"
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Ground:
    """AWS with a platform, a config root, certificates and the simulated Fargate; neither serve nor workers."""

    place: CloudPaths
    facts: CloudState
    environ: Mapping[str, str]
    """What processes are told besides, and nothing of the settings of whoever runs the tests."""


@contextmanager
def emulated_aws(folder: Path) -> Iterator[Ground]:
    """The ground, for the time of the block. Nothing of it outlives the block, nor the process."""
    place = cloud.folder(folder)
    for path in (place.root, place.logs, place.root / "gromit"):
        path.mkdir(parents=True, exist_ok=True)
    (place.root / "gromit" / "config.yaml").write_text(
        "{}\n"
    )  # found before the one in somebody's home
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "AWS_", "TF_"))}
    environ |= {
        "XDG_CONFIG_HOME": str(place.root),
        "GROMIT_CATALOGUE": str(CATALOGUE),
        "GROMIT_TERRAFORM_COMMAND": "embedded",
    }
    with network.claim_ranges(str(place.root)) as claim:
        facts = CloudState(
            domain="ground.gromit.test",
            region="eu-central-1",
            ranges=claim.ranges,
            ports=free_ports("aws", "dns"),
        )
        assembly = CloudParts(place, facts, environ)
        parts = Supervisor(place.processes, place.logs, threading.Event(), alone=False)
        try:
            assembly.write_files()
            parts.start([assembly.aws()], _START_S)
            make_trust(place, environ)
            made = make_platform(
                emulated_account(facts),
                facts.ranges,
                facts.domain,
                catalogue_file.load_catalogue(CATALOGUE),
            )
            yield Ground(
                place, replace(facts, zone_id=made.zone_id, account_id=made.account_id), environ
            )
        finally:
            parts.stop()


def free_ports(*names: str) -> dict[str, int]:
    """Ports for parts of a cloud, by name."""
    ports: dict[str, int] = {}
    for name in names:
        ports[name] = network.free_port(taken=ports.values())
    return ports
