"""Local clouds as users run them: real processes, brought up and down by the real command."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gromit.errors import BackendError, ConfigError
from gromit.local.cloud import cloud, control
from gromit.local.cloud.layout import CloudPaths, CloudState, require_state, write_state
from gromit.local.cloud.network import Ranges
from gromit.local.cloud.parts import emulated_account
from gromit.local.cloud.processes import ProcessId, descendants, wait_for_exit
from gromit.local.cloud.supervisor import SupervisorState, read_supervisor_state
from gromit.local.demo import release
from gromit.local.login.made_up import DEFAULT
from tests.commands import run_gromit
from tests.docs.cloud import variables
from tests.docs.markdown import ROOT
from tests.docs.shell import shell
from tests.hooks import events
from tests.hooks.repository import Repository
from tests.hooks.workflow import Workflow
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.cloud, pytest.mark.terraform, pytest.mark.xdist_group("cloud")]
"""The tests share one cloud, so they run in one process."""

PARTS = ["aws", "serve", "gateway", "login", "sow", "reap", "chitragupta"]


def clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "AWS_"))}


def run(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command: one that starts other processes itself as users do, all others as forks."""
    if arguments[:2] not in {("local", "up"), ("local", "demo")}:
        return run_gromit(*arguments, environ=environ, timeout=200)
    return subprocess.run(
        [sys.executable, "-m", "gromit", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def gromit(*arguments: str, variables: dict[str, str] | None = None, code: int = 0) -> str:
    """Run a command; return its standard output."""
    done = run(*arguments, environ=clean() | (variables or {}))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def complaint(*arguments: str, code: int = 1) -> list[str]:
    """Run a command; return the lines of its standard error."""
    done = run(*arguments, environ=clean())
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr.splitlines()


def local(
    place: CloudPaths,
    verb: str,
    *arguments: str,
    variables: dict[str, str] | None = None,
    code: int = 0,
) -> Any:
    """Run a command of `gromit local`; return its JSON, or None if it prints none."""
    said = gromit(
        "local",
        verb,
        *arguments,
        "--dir",
        str(place.root),
        "-o",
        "json",
        variables=variables,
        code=code,
    )
    return json.loads(said) if said else None


def record(place: CloudPaths) -> SupervisorState:
    found = read_supervisor_state(place.processes)
    assert found
    return found


def everything(place: CloudPaths) -> list[ProcessId]:
    supervisor = record(place).supervisor
    return [supervisor, *descendants(supervisor.pid)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudPaths]:
    """A cloud that is up, with a login."""
    place = CloudPaths(tmp_path_factory.mktemp("cloud") / "with a blank")
    local(place, "up", "--detach", "--login")
    yield place
    local(place, "down")


def test_all_parts_run_and_a_second_up_says_so(up: CloudPaths) -> None:
    assert [row["part"] for row in local(up, "status")] == PARTS
    assert {row["state"] for row in local(up, "status")} == {"running"}
    before = record(up).supervisor
    said = local(up, "up", "--detach")
    assert (said["folder"], said["started"], said["ports"]) == (
        str(up.root),
        False,
        dict(require_state(up).ports),
    )
    assert record(up).supervisor == before
    gromit("local", "up", "--dir", str(up.root), code=1)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--serve-port", "1"], "has port"),
        (["--domain", "other.test"], "has the domain dev.gromit.test"),
        (["--no-login"], "has a login"),
        (["--person", "carol=viewer"], "has other people"),
        (["--set", "reap.grace=60"], "has reap.grace 0"),
    ],
)
def test_an_option_that_a_running_cloud_cannot_obey_is_refused(
    up: CloudPaths, options: list[str], why: str
) -> None:
    error, hint = complaint("local", "up", "--detach", "--dir", str(up.root), *options)
    assert error.startswith(f"gromit: the local cloud in {up.root} is already up, and {why}")
    assert "gromit local down" in hint


def test_a_person_logs_in_and_needs_neither_certificate_nor_aws(up: CloudPaths) -> None:
    exports = local(up, "env", "--login")
    assert exports.keys() == {
        "GROMIT_GATEWAY_URL",
        "GROMIT_CLIENT_LOGIN",
        "GROMIT_CLIENT_NAME_PROXY",
    }
    curl = "curl --silent --location --output /dev/null --data person=olga %s"
    gromit("login", variables={**exports, "BROWSER": curl})
    found = json.loads(gromit("whoami", "-o", "json", variables=exports))
    assert (found["name"], found["role"]) == ("olga@example.test", "operator")
    assert json.loads(gromit("env", "list", "-o", "json", variables=exports)) == []


def test_the_demo_leaves_a_cloud_that_is_up_alone(up: CloudPaths) -> None:
    before = everything(up)
    gromit("local", "demo", "--dir", str(up.root), code=1)
    assert [p for p in before if not p.alive()] == []


def test_with_its_exports_every_command_works_as_an_operator(up: CloudPaths) -> None:
    exports = local(up, "env")
    assert json.loads(gromit("env", "list", "-o", "json", variables=exports)) == []
    assert gromit("token", "list", "-o", "json", variables=exports)
    names = {
        "GROMIT_SERVE_URL",
        "GROMIT_CA",
        "GROMIT_CLIENT_CERT",
        "GROMIT_CLIENT_KEY",
        "GROMIT_GATEWAY_URL",
        "GROMIT_TOKEN",
        "GROMIT_DNS",
        "GROMIT_CLUSTER_DOMAIN",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert names <= exports.keys()
    for file in (up.token, up.key("operator"), up.tokens, up.state):
        assert file.stat().st_mode & 0o077 == 0


def test_with_its_exports_the_workers_commands_work_too(up: CloudPaths) -> None:
    exports = local(up, "env")
    for part in ("sow", "reap"):
        assert (
            json.loads(gromit(part, str(up.config), "--dry-run", "-o", "json", variables=exports))
            == []
        )
        assert gromit(part, str(up.config), variables=exports) == "nothing was due\n"
    as_operator = {
        name: value for name, value in exports.items() if not name.startswith("GROMIT_WORKER_")
    }
    gromit("sow", str(up.config), variables=as_operator, code=1)


def test_a_build_pushed_without_a_report_changes_nothing_and_a_reported_one_is_wanted(
    up: CloudPaths,
) -> None:
    exports = local(up, "env")
    gromit("suspend", str(up.config), "--reason", "only look", variables=exports)
    quiet = local(up, "push", "tyk-pump", "quiet-test", "--no-report")
    assert (quiet["environment"], quiet["reported"]) == ("quiet-test", False)
    gromit("env", "get", "quiet-test", variables=exports, code=1)
    loud = local(
        up, "push", "TykTechnologies/tyk", "refs/heads/feature/quiet-test", "--sha", "sha-1"
    )
    # tyk-pump falls back to the image that was pushed under the branch's name without a report.
    assert loud["answer"] == {
        "name": "quiet-test",
        "state": "new",
        "tyk": "sha-1",
        "tyk-analytics": "master",
        "tyk-identity-broker": "master",
        "tyk-pump": "quiet-test",
        "tyk-sink": "master",
    }
    assert local(up, "urls") == []
    gromit("env", "delete", "quiet-test", variables=exports)
    gromit("resume", str(up.config), "--reason", "looked", variables=exports)
    gromit("env", "wait", "quiet-test", "--for", "gone", variables=exports)


def test_an_image_that_fails_is_pushed_with_one_kind_of_failure(up: CloudPaths) -> None:
    for option, number in (("--exit", ["3"]), ("--crash", []), ("--slow", [])):
        build = local(up, "push", "tyk", "bad", "--no-report", option, *number)
        images = (
            emulated_account(require_state(up))
            .client("ecr")
            .batch_get_image(repositoryName="tyk", imageIds=[{"imageTag": build["sha"]}])["images"]
        )
        failure = json.loads(images[0]["imageManifest"])["annotations"]["dev.gromit.failure"]
        assert failure.partition(" ")[0] == option.removeprefix("--")
    lines = complaint(
        "local", "push", "tyk", "bad", "--crash", "--slow", "--dir", str(up.root), code=2
    )
    assert "only one of --crash, --slow and --exit" in lines[0]


def shows_in_its_pull_request(up: CloudPaths, folder: Path, sha: str) -> None:
    """Wait for `plan-test` as a job of GitHub does, and look at what it leaves there."""
    github = Repository(commits={sha})
    with github.running():
        github.open_pull(7, "plan-test")
        inputs = {
            "url": f"http://127.0.0.1:{require_state(up).ports['gateway']}",
            "token": up.token.read_text().strip(),
            "report": "false",
            "wait": "true",
        }
        job = Workflow(folder, inputs, None, {"GITHUB_API_URL": github.url})
        done = job.run(events.push("refs/heads/plan-test", sha))
    assert (done.code, done.outputs["result"]) == (0, "ready"), done.log
    (body,) = github.bodies(7)
    assert f"[open](<{done.outputs['url']}>)" in body
    assert github.states()[sha][-1] == "success"


def shows_what_terraform_did_and_opens(exports: dict[str, str]) -> None:
    """Read the output of the run, and ask the component at the address for a browser."""

    def lines() -> str:
        found = gromit("env", "logs", "plan-test", "--run", variables=exports)
        return found if "run done" in found else ""

    said = eventually(lines)  # the copy of the log follows
    assert "aws_ecs_cluster.this: created" in said
    assert "apply ended with exit code 0" in said
    shown = gromit("env", "open", "plan-test", "tyk", "--no-browser", variables=exports).strip()
    address = httpx2.URL(shown)
    assert address.host == "tyk.plan-test.localhost"
    with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as http:
        answer = http.get(
            f"http://127.0.0.1:{address.port}/", headers={"Host": address.netloc.decode()}
        )
    assert answer.json()["environment"] == "plan-test"


def test_a_plan_of_the_shipped_catalogues_environment_is_empty_once_it_is_made(
    up: CloudPaths, tmp_path: Path
) -> None:
    exports = local(up, "env")
    build = local(up, "push", "tyk", "plan-test")
    shows_in_its_pull_request(up, tmp_path, build["sha"])
    said = gromit(
        "terraform", "plan-test", "--", "plan", "-detailed-exitcode", "-no-color", variables=exports
    )
    assert "No changes." in said
    shows_what_terraform_did_and_opens(exports)
    gromit("env", "delete", "plan-test", variables=exports)
    gromit("env", "wait", "plan-test", "--for", "gone", variables=exports)


def test_a_build_of_an_unknown_repository_is_refused_before_anything_is_pushed(
    up: CloudPaths,
) -> None:
    facts = require_state(up)
    error, hint = complaint("local", "push", "nosuch", "app-test", "--dir", str(up.root), code=2)
    assert error == "gromit: repo 'nosuch' is not part of any environment"
    assert hint.startswith("  hint: repositories are tyk, ")
    registries = emulated_account(facts).client("ecr").describe_repositories()["repositories"]
    assert "nosuch" not in [r["repositoryName"] for r in registries]
    with pytest.raises(BackendError) as caught:
        release.report(
            facts,
            up.token.read_text().strip(),
            {"repo": "nosuch", "ref": "app-test", "sha": "1a2b3c"},
        )
    assert "'nosuch' is not part of any environment" in caught.value.message
    assert "{" not in caught.value.message


def test_a_worker_that_is_killed_is_started_again(up: CloudPaths) -> None:
    number = PARTS.index("reap")
    before = record(up).parts[number]
    assert before.pid
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: control.status(up)[number]["restarts"] == before.restarts + 1)
    eventually(lambda: control.status(up)[number]["state"] == "running")


def use_the_local_cloud() -> list[str]:
    """Return the README's commands for a local cloud."""
    section = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .split("\n## Use the local cloud\n", 1)[1]
        .split("\n## ", 1)[0]
    )
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


@pytest.mark.long
def test_what_readme_says_works_and_its_environment_is_there_again_after_down_and_up(
    up: CloudPaths, tmp_path: Path
) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".gromit").mkdir()
    (tmp_path / ".gromit" / "local").symlink_to(up.root)
    *commands, delete = use_the_local_cloud()
    assert delete == "gromit env delete app-test"
    with shell(tmp_path, tmp_path / "printed", variables()) as bash:

        def run(line: str) -> str:
            code, printed = bash.run(line)
            assert code == 0, f"{line}\n{printed}"
            return printed

        def answer(line: str) -> Any:
            code, printed = bash.run(f"{line} --silent --max-time 5", apart=True)
            return json.loads(printed) if code == 0 else None

        def curl() -> str:
            narrow = run("TTY_COMPATIBLE=1 COLUMNS=80 gromit local urls app-test")
            return next(
                (
                    line
                    for line in narrow.splitlines()
                    if line.startswith("curl ") and "/tyk." in line
                ),
                "",
            )

        for line in commands:
            run(line)
        line = eventually(curl, within=60)
        before = eventually(lambda: answer(line), within=60)
        assert (before["component"], before["environment"]) == ("tyk", "app-test")
        local(up, "down")
        assert answer(line) is None
        local(up, "up", "--detach")
        assert eventually(lambda: answer(line), within=60) == before
        run("gromit env wait app-test")
        run(delete)
        run("gromit env wait app-test --for gone")


@pytest.mark.long
def test_a_second_cloud_runs_beside_the_first_comes_back_and_leaves_nothing(
    up: CloudPaths, tmp_path: Path
) -> None:
    other = CloudPaths(tmp_path / "cloud")
    text = "extends: tyk\ncomponents: [{name: portal, repository: portal}]\n"
    (tmp_path / "catalogue.yaml").write_text(text)
    named = {"GROMIT_CATALOGUE": os.path.relpath(tmp_path / "catalogue.yaml")}
    local(other, "up", "--detach", "--domain", "other.test", variables=named)
    one, two = require_state(up), require_state(other)
    assert not {one.ranges.vpc, one.ranges.public} & {two.ranges.vpc, two.ranges.public}
    assert not set(one.ports.values()) & set(two.ports.values())
    assert two.domain == "other.test"
    token = other.token.read_text()
    killed = everything(other)
    assert len(killed) > len(PARTS)
    # All processes of a killed supervisor end, and the next start restores the cloud.
    record(other).supervisor.signal(signal.SIGKILL)
    local(other, "up", "--detach")
    assert wait_for_exit(killed, 0) == []
    # It also restores the catalogue, without the variable.
    shown = json.loads(gromit("catalogue", "show", "-o", "json", variables=local(other, "env")))
    assert "portal" in [row["component"] for row in shown]
    assert local(other, "push", "portal", "app-test")["reported"]
    assert (require_state(other).ranges, require_state(other).zone_id, other.token.read_text()) == (
        two.ranges,
        two.zone_id,
        token,
    )
    ours, ports = everything(other), require_state(other).ports
    local(other, "down")
    assert wait_for_exit(ours, 0) == []
    assert not any(listens(port) for port in ports.values())
    assert {row["state"] for row in local(other, "status", code=1)} == {"down"}
    assert {row["state"] for row in local(up, "status")} == {"running"}
    local(other, "down")
    gromit("local", "up", "--detach", "--dir", str(other.root), "--domain", "third.test", code=1)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        gromit("local", "up", "--dir", str(tmp_path), "--dns-port", port, code=1)
        *said, error, hint = complaint(
            "local", "up", "--detach", "--dir", str(tmp_path), "--dns-port", port
        )
    assert error == f"gromit: the local cloud did not come up: port {port} for dns is in use"
    assert hint == "  hint: Choose another port, or omit the option."
    assert [line for line in said if "gromit: " in line] == []


def test_of_lines_without_an_error_the_last_ones_are_quoted() -> None:
    assert control.error_tail(["a", "b", "c", "d"]) == ("b | c | d", None)
    assert control.error_tail(["a", "gromit: b", "  hint: c", "d"]) == ("b", "c")
    assert control.error_tail(["gromit: old", "  hint: old", "gromit: new"]) == ("new", None)


def test_components_are_as_before_unless_something_is_said_of_them(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text("extends: tyk\ncomponents: [{name: portal, repository: portal}]\n")
    said: list[str] = []
    ranges = Ranges(IPv4Network("127.44.0.0/16"), IPv4Network("127.45.0.0/16"))
    new = CloudState(domain="dev.gromit.test", region="eu-central-1", ranges=ranges)

    def kept(facts: CloudState, **variables: str) -> CloudState:
        return cloud._with_components(facts, variables, said.append)

    assert kept(new) == new
    mine = kept(new, GROMIT_CATALOGUE=os.path.relpath(catalogue), GROMIT_REPOS="portal")
    assert (mine.catalogue, mine.repositories) == (str(catalogue), "portal")
    assert said == []
    assert kept(mine) == mine
    assert [line.partition(",")[0] for line in said] == [
        f"GROMIT_CATALOGUE={catalogue}",
        "GROMIT_REPOS=portal",
    ]
    assert kept(mine, GROMIT_CATALOGUE="", GROMIT_REPOS="") == new
    with pytest.raises(ConfigError, match="cannot read"):
        kept(new, GROMIT_CATALOGUE=str(tmp_path / "nowhere"))


def test_people_are_as_before_unless_something_is_said_of_them() -> None:
    ranges = Ranges(IPv4Network("127.44.0.0/16"), IPv4Network("127.45.0.0/16"))
    without = CloudState(domain="x.test", region="eu-central-1", ranges=ranges)
    carol = {"carol": "viewer"}
    having = replace(without, people=carol)
    options = cloud.CloudOptions
    assert cloud._people(options(), without) == {}
    assert cloud._people(options(login=True), without) == DEFAULT
    assert cloud._people(options(login=True), having) == carol
    assert cloud._people(options(), having) == carol
    assert cloud._people(options(login=True, people=DEFAULT), having) == DEFAULT
    assert cloud._people(options(login=False), having) == {}


def test_a_cloud_without_a_login_says_so(tmp_path: Path) -> None:
    place = CloudPaths(tmp_path)
    ranges = Ranges(IPv4Network("127.44.0.0/16"), IPv4Network("127.45.0.0/16"))
    write_state(
        place, CloudState(domain="x.test", region="eu-central-1", ranges=ranges, zone_id="Z1")
    )
    error, hint = complaint("local", "env", "--login", "--dir", str(place.root))
    assert error == f"gromit: the local cloud in {place.root} has no login"
    assert "--login" in hint
    complaint("local", "up", "--no-login", "--person", "a=viewer", "--dir", str(tmp_path), code=2)


def test_where_the_cloud_is_down_commands_say_so(tmp_path: Path) -> None:
    place = CloudPaths(tmp_path)
    ports = dict.fromkeys(("aws", "dns", "serve", "health", "gateway"), 1)
    ranges = Ranges(IPv4Network("127.44.0.0/16"), IPv4Network("127.45.0.0/16"))
    write_state(
        place,
        CloudState(
            domain="x.test",
            region="eu-central-1",
            ranges=ranges,
            ports=ports,
            zone_id="Z1",
            account_id="1",
        ),
    )
    place.token.write_text("gromit_secret\n")
    for verb in (["urls"], ["push", "tyk", "app-test"]):
        error, hint = complaint("local", *verb, "--dir", str(place.root))
        assert error == f"gromit: the local cloud in {place.root} is down"
        assert "`gromit local up`" in hint
    error, hint = complaint("local", "env", "--dir", str(place.root), code=0)
    assert error.startswith(f"gromit: the local cloud in {place.root} is down")
    assert "`gromit local up`" in hint
    assert "export GROMIT_TOKEN=gromit_secret\n" in gromit("local", "env", "--dir", str(place.root))
    assert local(place, "down") == {"folder": str(place.root), "was_up": False}


def test_where_there_is_no_cloud_commands_say_so(tmp_path: Path) -> None:
    place = CloudPaths(tmp_path)
    for verb in (["env"], ["urls"], ["push", "tyk", "app-test"]):
        gromit("local", *verb, "--dir", str(place.root), code=1)
    assert local(place, "status", code=1) == []
    local(place, "down")
    assert control.folder(Path("x")).root == Path.cwd() / "x"
