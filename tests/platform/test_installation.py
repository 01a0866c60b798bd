"""The how-to "From nothing to the first environment on AWS", followed as it is written.

It is then undone, with nothing left. Both roots and their resources in the emulated account are
real, and so are an environment made by sow and every command of the page. `local_tasks.py` replaces
ECS, which runs the parts. The load balancers and the delegated domain are replaced too: curl reads
their addresses from its own file.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gromit.adapters.private_files import write_atomically
from gromit.adapters.terraform import guard as terraform_guard
from gromit.core.stack.terraform import cli_config
from gromit.local.aws.mongo import MongoServer
from gromit.local.cloud import cloud, network
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import CloudParts, emulated_account
from gromit.local.cloud.platform import push_image
from gromit.local.cloud.supervisor import Supervisor
from tests.docs.cloud import GROMIT, variables
from tests.docs.markdown import DOCS, blocks
from tests.docs.shell import Shell, shell
from tests.e2e.ground import free_ports
from tests.platform import infra
from tests.platform.emulator import ACCOUNT, REGION, Emulator
from tests.platform.inventory import everything
from tests.platform.local_tasks import LocalTasks
from tests.platform.roots import CATALOGUE, Engine, Root
from tests.waiting import wait_for

pytestmark = [pytest.mark.long, pytest.mark.cloud, pytest.mark.terraform, pytest.mark.timeout(1800)]

PAGE = DOCS / "how-to" / "install-on-aws.md"
DOMAIN = "dev.example.com"
SHA = "1a2b3c"
"""The build that the page reports."""


class Beginner:
    """A reader who follows the page, with everything that the page assumes.

    That is an account, a domain and images.
    """

    def __init__(self, place: CloudPaths, facts: CloudState, engine: Engine) -> None:
        self.place, self.facts = place, facts
        self.emulator = Emulator(facts.url("aws"))
        self.home = place.root / "home"
        self.checkout = place.root / "checkout"
        self.roots = {
            name: Root.pointed(name, self.checkout, engine, self.emulator, values)
            for name, values in (("base", {}), ("infra", self._ground()))
        }
        self.volume = place.root / "certs"
        self.certs = self.volume / "gromit"  # as the bastion sees it
        self.catalogue = self.checkout / CATALOGUE / "tyk.yaml"
        self.mongo: dict[str, MongoServer] = {}
        self.parts = LocalTasks(
            emulator=self.emulator,
            volumes={"gromit-certs": self.volume, "gromit-config": place.config},
            addresses=facts.ranges.public.supernet(new_prefix=16),
            image=self._machine(engine),
            logs=place.logs,
        )

    @property
    def shell(self) -> dict[str, str]:
        """Return the variables of the beginner's shell."""
        own = {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "PATH": f"{self.home / 'bin'}:{Path(GROMIT[0]).parent}:{variables()['PATH']}",
            "TF_CLI_CONFIG_FILE": str(self.home / "terraform.rc"),
            "TF_CLI_ARGS_apply": infra.QUICKLY,
            "GROMIT_DOCTOR_RESOLVER": f"127.0.0.1:{self.facts.ports['dns']}",
        }
        return {**variables(), **self._credentials(), **own}

    def prepare(self, engine: Engine) -> None:
        """Create a home with terraform in it, and the settings that the page shows."""
        volumes = (self.volume, self.place.config)  # new ones, which are empty
        for folder in (self.home / "bin", self.home / ".config" / "gromit", *volumes):
            folder.mkdir(parents=True)
        write_atomically(
            self.home / "terraform.rc", cli_config(str(engine.mirror)).encode(), mode=0o644
        )
        child = Path(terraform_guard.__file__)
        start = f'#!/bin/sh\nexec {sys.executable} -I {child} "$PPID" {engine.program} "$@"\n'
        write_atomically(self.home / "bin" / "terraform", start.encode(), mode=0o755)
        settings = {
            "ca": str(self.certs / "pki" / "ca.pem"),
            "serve": {"url": f"https://{self.parts.address('serve')}:8443"},
            "client": {
                name: str(self.certs / "pki" / f"operator{end}.pem")
                for name, end in (("cert", ""), ("key", "-key"))
            },
        }
        assert _shape(settings) == _shape(
            yaml.safe_load(next(b.text for b in blocks(PAGE.read_text()) if b.language == "yaml"))
        )
        (self.home / ".config" / "gromit" / "config.yaml").write_text(yaml.safe_dump(settings))

    def meanwhile(self) -> None:
        """Do what others do while the beginner follows the page.

        Workflows push images, ECS starts tasks, and names become known.
        """
        self._push_images()
        self._start_mongo()
        self.parts.start_services()
        self._bring_tokens()
        self._configure_curl()

    def _start_mongo(self) -> None:
        """Let a Mongo server listen where infra has a host for one, as the host does itself."""
        hosts = {
            host["PrivateIpAddress"]
            for name, host in infra.instances(self.emulator).items()
            if name.startswith("gromit-mongo-")
        }
        for address in hosts - self.mongo.keys():
            self.mongo[address] = MongoServer(address).start()

    def close(self) -> None:
        """End everything that the beginner does not stop."""
        self.parts.close()
        for server in self.mongo.values():
            server.stop()

    def _bring_tokens(self) -> None:
        """Put the tokens into the gateway's folder, as the page says, once pki has created it."""
        brought, made = (
            self.certs / "pki" / "gateway" / "tokens.json",
            self.checkout / "tokens.json",
        )
        if brought.parent.exists() and made.exists() and not brought.exists():
            brought.symlink_to(made)

    def _push_images(self) -> None:
        ecr = emulated_account(self.facts).client("ecr")
        for repository in (
            r["repositoryName"] for r in ecr.describe_repositories()["repositories"]
        ):
            if not ecr.list_images(repositoryName=repository)["imageIds"]:
                push_image(emulated_account(self.facts), repository, ["master", SHA])

    def _configure_curl(self) -> None:
        lines = [f"cacert = {self.certs / 'pki' / 'ca.pem'}"]
        lines += [f"connect-to = gateway.{DOMAIN}:443:{self.parts.address('gateway')}:8443"]
        if f"{DOMAIN}." in {
            z["Name"] for z in self.emulator.client("route53").list_hosted_zones()["HostedZones"]
        }:
            found = infra.records(self.emulator, DOMAIN)
            lines += [
                f"connect-to = {name}:8181:{values[0]}:8181"
                for (name, kind), values in found.items()
                if kind == "A" and values
            ]
        (self.home / ".curlrc").write_text("".join(f"{line}\n" for line in lines))

    def _ground(self) -> dict[str, Any]:
        """Return the values that differ from the page's: local addresses, and an image."""
        return {
            **infra.given(self.emulator),
            "vpc_cidr": str(self.facts.ranges.vpc),
            "watch": ["sow", "chitragupta"],
        }

    def _credentials(self) -> dict[str, str]:
        return {
            k: v
            for k, v in self.emulator.environ.items()
            if k.startswith("AWS_") and k != "AWS_REGION"
        }

    def _machine(self, engine: Engine) -> dict[str, str]:
        return {
            **variables(),
            **self._credentials(),
            "XDG_CONFIG_HOME": str(self.place.root),
            "GROMIT_CATALOGUE": str(self.catalogue),
            "GROMIT_LOG_FORMAT": "json",
            "GROMIT_SOW_SETTLE_POLL": "0.2s",
            "GROMIT_TERRAFORM_COMMAND": engine.program,
            "GROMIT_TERRAFORM_MIRROR": str(engine.mirror),
            "GROMIT_TERRAFORM_OVERLAY": str(self.place.overlay),
            "GROMIT_TERRAFORM_BACKEND": "use_path_style=true",
            "GROMIT_TERRAFORM_WORK": str(self.place.terraform),
        }


@pytest.fixture
def beginner(tmp_path: Path, embedded: Engine) -> Iterator[Beginner]:
    with emulated(tmp_path / "cloud") as (place, facts):
        one = Beginner(place, facts, embedded)
        one.prepare(embedded)
        infra.create_prerequisites(one.emulator)
        try:
            yield one
        finally:
            one.close()


def test_from_nothing_to_the_first_environment_and_back(beginner: Beginner) -> None:
    before = everything(beginner.emulator)
    with shell(beginner.checkout, beginner.place.root / "printed", beginner.shell) as bash:
        bash.follow(PAGE, beginner.meanwhile)
        one_component_more(beginner, bash)
        for name, root in beginner.roots.items():
            assert root.plan("-var-file=prod.tfvars").is_empty, f"{name}: {root.said[-2]}"
        reaped(beginner)
    emptied(beginner)
    for root in reversed(beginner.roots.values()):
        root.run("destroy", "-input=false", "-auto-approve", "-var-file=prod.tfvars", infra.QUICKLY)
        assert root.resources() == []
    assert everything(beginner.emulator) - before == {"aws_secretsmanager_secret gromit/ca-key"}, (
        "AWS keeps it for 30 days"
    )
    assert before <= everything(beginner.emulator)


def one_component_more(beginner: Beginner, bash: Shell) -> None:
    """Add one entry to the catalogue, and edit nothing else.

    The entry brings a registry, permission to push there, a service and a public name.
    """
    with beginner.catalogue.open("a") as file:
        file.write("\n  - { name: portal, repository: portal, port: 8182, public: true }\n")
    base = beginner.roots["base"]
    changes = dict(base.plan("-var-file=prod.tfvars").actions)
    assert changes.pop("aws_ssm_parameter.base") == ("update",)
    assert changes
    assert all(
        'module.registry["portal"]' in address and actions == ("create",)
        for address, actions in changes.items()
    )
    base.apply(Root.PLAN)
    infra_root = beginner.roots["infra"]
    assert set(infra_root.plan("-var-file=prod.tfvars").actions.values()) == {("update",)}, (
        "permission to pull it"
    )
    infra_root.apply(Root.PLAN)
    beginner.parts.restart()  # the catalogue is part of the image
    beginner.meanwhile()
    report = (
        'curl -fsS -H "Authorization: $(gromit token new --repo portal --verb newbuild)" '
        f"https://gateway.{DOMAIN}/gromit/newbuild "
        f'-d \'{{"repo": "portal", "ref": "app-more", "sha": "{SHA}"}}\''
    )
    wait_for(
        "a gateway and a serve that listen again", lambda: bash.run(report, apart=True)[0] == 0, 60
    )
    code, printed = bash.run("gromit env wait app-more --timeout 3m")
    assert code == 0, printed
    wait_for(
        "its public name",
        lambda: (f"portal.app-more.{DOMAIN}", "A") in infra.records(beginner.emulator, DOMAIN),
        60,
    )
    code, printed = bash.run("gromit env delete app-more")
    assert code == 0, printed


def reaped(beginner: Beginner) -> None:
    """Run the reap that the page leaves to the daily schedule."""
    done = beginner.parts.once("reap", GROMIT_REAP_GRACE="0")
    assert {e["env"] for e in done.events("run.finished", ending="done")} == {
        "app-test",
        "app-more",
    }
    left = beginner.emulator.client("ecs").list_clusters()["clusterArns"]
    assert [arn.rpartition("/")[2] for arn in left] == ["internal"]
    names = {name for name, _ in infra.records(beginner.emulator, DOMAIN)}
    assert not [name for name in names if "app-" in name]


def emptied(beginner: Beginner) -> None:
    """Empty the registries, and the bucket: only old versions of states are left in it.

    Delete the secrets of environments at once, without the days that AWS keeps them.
    """
    secrets = beginner.emulator.client("secretsmanager")
    for secret in secrets.list_secrets()["SecretList"]:
        if secret["Name"].startswith("gromit/environments/"):
            secrets.delete_secret(SecretId=secret["Name"], ForceDeleteWithoutRecovery=True)
    ecr = beginner.emulator.client("ecr")
    for repository in ecr.describe_repositories()["repositories"]:
        ecr.delete_repository(repositoryName=repository["repositoryName"], force=True)
    s3, bucket = beginner.emulator.client("s3"), beginner.roots["base"].output("state_bucket")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket), "a state or a lock is left"
    found = s3.list_object_versions(Bucket=bucket)
    old = [
        {"Key": v["Key"], "VersionId": v["VersionId"]}
        for v in [*found["Versions"], *found["DeleteMarkers"]]
    ]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": old})


@contextmanager
def emulated(folder: Path) -> Iterator[tuple[CloudPaths, CloudState]]:
    """Run an empty emulated AWS, with Fargate, DNS and a config root."""
    place = cloud.folder(folder)
    for path in (place.root, place.logs):
        path.mkdir(parents=True, exist_ok=True)
    with network.claim_ranges(str(place.root)) as claim:
        facts = CloudState(
            domain=DOMAIN,
            region=REGION,
            ranges=claim.ranges,
            ports=free_ports("aws", "dns"),
            account_id=ACCOUNT,
        )
        assembly, parts = (
            CloudParts(place, facts, variables()),
            Supervisor(place.processes, place.logs, threading.Event(), alone=False),
        )
        try:
            assembly.write_files()
            parts.start([assembly.aws()], 60.0)
            yield place, facts
        finally:
            parts.stop()


def _shape(tree: Any) -> Any:
    """Return the keys of a tree, without their values."""
    return {key: _shape(value) for key, value in tree.items()} if isinstance(tree, dict) else None
