"""Models of AWS without their documentation: all else is as the SDK reads it."""

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.model import ServiceModel, StructureShape

import gromit
from gromit.adapters.aws.client import new_session
from gromit.adapters.aws.model_cut import cut_model
from gromit.adapters.aws.model_files import OPERATIONS, LeanModelFiles

OF_OTHERS = frozenset({"DescribeImages"})
"""Operations that gromit calls of another service, ECR."""


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


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_cut_model_has_all_that_its_operations_need(service: str) -> None:
    lean, whole = Loader(file_loader=LeanModelFiles()), Loader(file_loader=JSONFileLoader())
    found = lean.load_service_model(service, "service-2")
    full = _stripped(whole.load_service_model(service, "service-2"))
    assert set(found["operations"]) == set(OPERATIONS[service])
    for section in ("operations", "shapes"):
        assert found[section] == {name: full[section][name] for name in found[section]}
    assert {**found, "operations": 0, "shapes": 0} == {**full, "operations": 0, "shapes": 0}
    assert len(found["shapes"]) < len(full["shapes"]) / 10
    model = ServiceModel(found)
    for name in OPERATIONS[service]:
        operation = model.operation_model(name)
        shapes = [operation.input_shape, operation.output_shape, *operation.error_shapes]
        seen: set[str] = set()
        while shapes:
            shape = shapes.pop()  # raises if it is missing
            if shape is not None and shape.name not in seen:
                seen.add(shape.name)
                inner = [getattr(shape, kind, None) for kind in ("member", "key", "value")]
                shapes += [*getattr(shape, "members", {}).values(), *inner]


@pytest.mark.parametrize("service", OPERATIONS)
def test_gromit_calls_no_operation_that_is_cut(service: str) -> None:
    model = Loader(file_loader=JSONFileLoader()).load_service_model(service, "service-2")
    known = {xform_name(name): name for name in model["operations"]}
    called: set[str] = set()
    for path in (Path(gromit.__file__).parent / "adapters").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "attr", None) or getattr(node, "value", None)
            if isinstance(name, str) and name in known:
                called.add(known[name])
    assert called - OF_OTHERS == set(OPERATIONS[service])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"operations": {"Do": {}}, "shapes": {}}),
        '{\n  "operations":{\n    "Do":{"input":{"shape":"In"}}\n  },\n  "shapes":{\n  }\n}',
        '{\n  "operations":{\n    "Other":{}\n  },\n  "shapes":{\n  }\n}',
        '{\n  "operations":{\n    "Do":{\n',
    ],
    ids=["one-line", "no-shape", "no-operation", "incomplete"],
)
def test_a_model_of_another_layout_is_not_cut(text: str, tmp_path: Path) -> None:
    assert cut_model(text.encode(), ["Do"], json.JSONDecoder()) is None
    folder = tmp_path / "ec2" / "2016-11-15"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(text)
    if not text.endswith("{\n"):
        assert LeanModelFiles().load_file(str(folder / "service-2")) == json.loads(text)
