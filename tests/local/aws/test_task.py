"""The simulated container: its answers, its config hash, and that it dies with its parent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.adapters.config_tree.folder import config_hash
from gromit.local.aws import task
from tests.local.aws.test_fargate import Ranges
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

PROGRAM = [sys.executable, "-S", "-I", str(Path(task.__file__))]


def spec(**more: object) -> str:
    return json.dumps(
        {"parent": os.getpid(), "config": None, "port": None, "addresses": [], "answer": {}, **more}
    )


def test_it_answers_with_what_it_is_and_its_config(tmp_path: Path, ranges: Ranges) -> None:
    (tmp_path / "tyk.conf").write_text("{}")
    port, address = 18181, str(ranges[0][303])
    text = spec(config=str(tmp_path), port=port, addresses=[address], answer={"component": "tyk"})
    with subprocess.Popen([*PROGRAM, text], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            (tmp_path / "tyk.conf").write_text("changed later: a container reads at its start")
            with httpx2.Client(
                base_url=f"http://{address}:{port}", trust_env=False, timeout=PATIENCE_S
            ) as http:
                answer, elsewhere = http.get("/?x=1"), http.get("/hello")
        finally:
            process.kill()
    (tmp_path / "tyk.conf").write_text("{}")
    assert answer.json() == {"component": "tyk", "config_sha256": config_hash(tmp_path)}
    assert answer.headers["content-type"] == "application/json"
    assert elsewhere.json() == answer.json()


def test_without_a_port_it_only_runs(ranges: Ranges) -> None:
    with subprocess.Popen(
        [*PROGRAM, spec(addresses=[str(ranges[0][304])])], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            assert process.poll() is None
        finally:
            process.kill()


def test_what_keeps_it_from_starting_is_said() -> None:
    done = subprocess.run(
        [*PROGRAM, spec(port=80, addresses=["192.0.2.1"])],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Cannot assign requested address" in done.stdout


def test_it_dies_with_the_process_that_started_it() -> None:
    script = (
        "import json,os,subprocess,sys,time\n"
        "spec = {**json.loads(sys.argv[1]), 'parent': os.getpid()}\n"
        "p = subprocess.Popen([*sys.argv[2:], json.dumps(spec)], stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, spec(), *PROGRAM], stdout=subprocess.PIPE
    ) as parent:
        try:
            assert parent.stdout
            child = int(parent.stdout.readline())
            assert _alive(child)
        finally:
            parent.send_signal(signal.SIGKILL)
    eventually(lambda: not _alive(child))


def test_it_does_not_outlive_a_parent_that_is_gone_already() -> None:
    done = subprocess.run(
        [*PROGRAM, spec(parent=1)], stdout=subprocess.PIPE, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 200),
        (b"HEAD / HTTP/1.0\r\n\r\n", 200),
        (b"GET /x HTTP/1.1\r\n\r\n", 200),
        (b"POST / HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_every_path_can_be_got_and_nothing_else(request_line: bytes, status: int) -> None:
    answer = task.answer_request(request_line, b"{}")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Length: " in answer
    assert answer.endswith(b"\r\n\r\n") is request_line.startswith(b"HEAD")


NAMES = st.text(st.sampled_from("ab._-Z9é"), min_size=1, max_size=6).filter(
    lambda n: n not in {".", ".."}
)


@given(
    files=st.dictionaries(
        st.tuples(st.sampled_from(["", "d/", ".gromit/", "d/e/"]), NAMES),
        st.binary(max_size=20),
        max_size=6,
    )
)
def test_the_hash_is_the_one_that_gromit_puts_on_labels(
    files: dict[tuple[str, str], bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("config")
    for (where, name), content in files.items():
        path = folder / where / name
        if not path.is_dir() and not any(p.is_file() for p in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (folder / "link").symlink_to("/etc/passwd") if not (folder / "link").exists() else None
    assert task.config_hash(str(folder)) == config_hash(folder)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
