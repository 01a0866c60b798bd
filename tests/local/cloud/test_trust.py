"""Trust of a local cloud: made once, kept, private to its user, and without another process."""

import os
import subprocess
from pathlib import Path

import pytest

from gromit.errors import BackendError
from gromit.local.cloud.layout import CloudPaths
from gromit.local.cloud.trust import CERTIFICATE_HOLDERS, make_trust, new_token

FOREIGN = {"GROMIT_PKI_DIR": "/nowhere", "GROMIT_PKI_CA_KEY": "another installation's"}


@pytest.fixture
def place(tmp_path: Path) -> CloudPaths:
    """A folder that contains only the cloud's config file."""
    place = CloudPaths(tmp_path)
    place.settings.write_text("{}\n")
    return place


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Commands of the processes that the test tries to start; none of them starts."""
    commands: list[object] = []

    def refuse(command: object, *_args: object, **_kwargs: object) -> None:
        commands.append(command)
        raise OSError("no process may start")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    return commands


def test_trust_is_made_without_a_process_and_kept_by_the_next_start(
    place: CloudPaths, started: list[object]
) -> None:
    make_trust(place, os.environ | FOREIGN)
    names = [name for _, name in CERTIFICATE_HOLDERS]
    secrets = [place.token, place.tokens, *(place.key(name) for name in ("ca", *names))]
    public = [place.certificate(name) for name in ("ca", *names)]
    made = {path: path.read_bytes() for path in (*secrets, *public)}
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    assert (place.config / ".gromit-root").is_file()
    make_trust(place, os.environ | FOREIGN)
    assert {path: path.read_bytes() for path in made} == made
    assert started == []


def test_each_token_is_new_and_only_its_hash_is_stored(place: CloudPaths) -> None:
    tokens = {new_token(place, os.environ, repository, "ci") for repository in ("tyk", "*")}
    assert len(tokens) == 2
    stored = place.tokens.read_text()
    assert not [token for token in tokens if token in stored]


def test_an_error_names_the_command_that_would_fail_the_same_way(place: CloudPaths) -> None:
    place.config.write_text("no folder")
    with pytest.raises(BackendError) as caught:
        make_trust(place, os.environ)
    assert caught.value.message.startswith("`gromit root init`: ")
    assert "gromit: " not in caught.value.message
    assert "hint: " not in caught.value.message
