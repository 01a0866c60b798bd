"""Models of AWS without their documentation: all else is as the SDK reads it."""

import gzip
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.model import StructureShape

from gromit.adapters.aws.client import new_session
from gromit.adapters.aws.model_files import LeanModelFiles


def _stripped(value: Any) -> Any:
    match value:
        case dict():
            return {
                k: "" if k == "documentation" and isinstance(v, str) else _stripped(v)
                for k, v in value.items()
            }
        case list():
            return [_stripped(v) for v in value]
        case _:
            return value


@pytest.mark.parametrize("service", ["dynamodb", "ecs", "s3", "servicediscovery"])
def test_a_model_is_the_one_of_the_sdk_without_prose(service: str) -> None:
    # Readers of their own: other tests share what theirs has read, and clients of S3 change it.
    lean, whole = Loader(file_loader=LeanModelFiles()), Loader(file_loader=JSONFileLoader())
    found = lean.load_service_model(service, "service-2")
    assert found == _stripped(whole.load_service_model(service, "service-2"))
    assert "<p>" not in json.dumps(found)


def test_a_member_that_is_named_documentation_stays(tmp_path: Path) -> None:
    model: dict[str, Any] = {
        "members": {"documentation": {"shape": "Text"}},
        "documentation": "prose",
    }
    (tmp_path / "plain.json").write_text(json.dumps(model))
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    for name in ("plain", "packed"):
        found = LeanModelFiles().load_file(str(tmp_path / name))
        assert found == {**model, "documentation": ""}
        assert JSONFileLoader().load_file(str(tmp_path / name)) == model
    assert LeanModelFiles().load_file(str(tmp_path / "none")) is None


def test_the_clients_of_gromit_have_lean_models(monkeypatch: pytest.MonkeyPatch) -> None:
    # Sessions of tests share one loader, which may have read the model for another test.
    monkeypatch.setattr(botocore.session, "create_loader", create_loader)
    session = new_session("eu-central-1")
    client = session.client("s3", aws_access_key_id="test", aws_secret_access_key="test")
    model = client.meta.service_model
    operation = model.operation_model("GetObject")
    assert (model.documentation, operation.documentation) == ("", "")
    assert isinstance(operation.input_shape, StructureShape)
    assert "Bucket" in operation.input_shape.members
