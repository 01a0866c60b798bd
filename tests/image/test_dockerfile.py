"""The Dockerfile, checked by a linter and by our own rules: trust, user, and build context."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.builder import is_sent
from tests.image.dockerfile import ROOT, Instruction, parse, read

DOCKERFILE = read()
STAGES = DOCKERFILE.stages.values()
RUNS = [each for stage in STAGES for each in stage.all("RUN")]
IMAGES = ("server", "local")
"""Stages that are run; the others only build parts of them."""


def _effective(image: str, word: str) -> Instruction:
    """Return the instruction that counts in an image: the last one of its stages."""
    return [
        each for stage in DOCKERFILE.line_of(DOCKERFILE.stages[image]) for each in stage.all(word)
    ][-1]


def test_the_linter_has_nothing_to_say() -> None:
    command = [str(Path(sys.executable).parent / "hadolint"), str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_that_is_built_unless_another_is_asked_for_is_that_of_servers() -> None:
    assert DOCKERFILE.last.name == "server"


def test_one_base_image_is_trusted_and_its_version_is_said() -> None:
    assert {stage.base for stage in STAGES} - set(DOCKERFILE.stages) == {"python:${PYTHON}"}
    assert re.fullmatch(r"3\.\d+-slim(@sha256:[0-9a-f]{64})?", DOCKERFILE.arguments["PYTHON"])


@pytest.mark.parametrize("image", IMAGES)
def test_it_runs_as_a_user_without_rights_whom_the_access_points_know(image: str) -> None:
    assert _effective(image, "USER").text == "1000:1000"
    assert _effective(image, "ENTRYPOINT").words == ["gromit"]
    assert _effective(image, "VOLUME").words == ["/tmp"]
    assert _effective(image, "HEALTHCHECK").text.startswith("CMD [")


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"line {run.line}")
def test_what_is_installed_is_pinned_by_hashes_and_nothing_else_is_fetched(
    run: Instruction,
) -> None:
    for command in run.text.split("&&"):
        if "pip" in command and " install " in command:
            assert "--no-index" in command or "--require-hashes --only-binary=:all:" in command
        assert not re.search(r"\b(curl|wget|git|apt|apt-get|npm|ADD)\b", command), command


def test_terraform_and_provider_are_their_publishers_and_have_hashes() -> None:
    given = dict(each.text.split("=", 1) for each in DOCKERFILE.stages["terraform"].all("ARG"))
    for url in (given["TERRAFORM_URL"], given["PROVIDER_URL"]):
        assert url.startswith("https://releases.hashicorp.com/terraform")
        assert url.endswith("_linux_amd64.zip")
    assert f"/{given['PROVIDER_VERSION']}/" in given["PROVIDER_URL"]
    for scheme in (given["TERRAFORM_HASH"], given["PROVIDER_HASH"]):
        assert re.fullmatch(r"zh:[0-9a-f]{64}|h1:[A-Za-z0-9+/]{43}=", scheme)


def test_what_serves_carries_no_more_than_it_needs() -> None:
    sources = {
        each.flags.get("from")
        for stage in DOCKERFILE.line_of(DOCKERFILE.last)
        for each in stage.all("COPY")
    }
    assert sources == {"terraform", "server-packages", None}
    packages = DOCKERFILE.stages["server-packages"].all("COPY")
    assert [each.words[0] for each in packages] == ["requirements/run.txt", "/dist"]


def test_the_checks_of_the_image_are_in_it() -> None:
    copied = {
        word
        for each in DOCKERFILE.last.all("COPY")
        if "from" not in each.flags
        for word in each.words[:-1]
    }
    assert copied == {"image/healthy.py", "image/self_check.py"}
    assert _effective("server", "HEALTHCHECK").text.endswith('"/opt/gromit/healthy.py"]')


@pytest.mark.parametrize(
    "path", ["src/gromit/cli/serve.py", "requirements/run.txt", "image/bake.py", "README.md"]
)
def test_what_the_build_needs_is_sent_to_it(path: str) -> None:
    assert is_sent(path)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "tests/conftest.py",
        ".gromit/local/pki/ca-key.pem",
        "src/gromit/__pycache__/a.pyc",
    ],
)
def test_nothing_else_is_sent_to_the_build(path: str) -> None:
    assert not is_sent(path)


def test_a_dockerfile_is_read_as_it_is_meant() -> None:
    found = parse(
        "ARG A=1\n\nFROM b:${A} AS c\n# no\nRUN d \\\n  # neither\n  && e\n"
        'COPY --from=x f /g\nCMD ["h", "i"]\nFROM c AS j\n'
    )
    run, copy, command = found.stages["c"].instructions
    assert (found.arguments, found.last.base, run.text, run.line) == (
        {"A": "1"},
        "c",
        "d   && e",
        5,
    )
    assert (copy.flags, copy.words, command.words) == ({"from": "x"}, ["f", "/g"], ["h", "i"])
    assert [stage.name for stage in found.line_of(found.last)] == ["c", "j"]


@pytest.mark.parametrize("text", ["FROM a AS b\nADD c /d", "RUN a", "FROM a AS b\nRUN c \\"])
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        parse(text)
