"""The emulated AWS of one pytest process: the parts of a local cloud without its workers."""

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
    """AWS with a platform and a simulated Fargate, a config root and certificates; no processes."""

    place: CloudPaths
    facts: CloudState
    environ: Mapping[str, str]
    """Variables of processes, without the settings of the person who runs the tests."""


@contextmanager
def emulated_aws(folder: Path) -> Iterator[Ground]:
    """Run the ground during the block. Nothing of it outlives the block or the process."""
    place = cloud.folder(folder)
    for path in (place.root, place.logs, place.root / "gromit"):
        path.mkdir(parents=True, exist_ok=True)
    # This one is found before a config file in the home of the person who runs the tests.
    (place.root / "gromit" / "config.yaml").write_text("{}\n")
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
            ports=free_ports("aws", "dns", "names"),
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
    """Return free ports by name."""
    ports: dict[str, int] = {}
    for name in names:
        ports[name] = network.free_port(taken=ports.values())
    return ports
