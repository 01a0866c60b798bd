"""Models of AWS's services as the SDK reads them, without what gromit does not use.

The SDK keeps each model that it has read. The prose in them is for its own reference pages, and is
most of what they take: without it, a client is made faster, and a process is smaller. The model of
EC2 has 700 operations, so only those are read that gromit calls.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

from gromit.adapters.aws.model_cut import cut_model

OPERATIONS: Mapping[str, Sequence[str]] = {
    "ec2": (
        "DeleteSecurityGroup",
        "DescribeKeyPairs",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcs",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
    )
}
"""Operations that gromit calls, of services with large models. The others have no client."""
_MODEL = "service-2"
_REGIONS = "endpoints"
"""A large file without prose."""
_PROSE = "documentation"


class LeanModelFiles(JSONFileLoader):
    """Reader of the files of models."""

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, named without its ending; None if there is none."""
        for ending in (".json", ".json.gz"):
            path = Path(file_path + ending)
            if path.is_file():
                raw = path.read_bytes()
                text = gzip.decompress(raw) if ending.endswith(".gz") else raw
                return _read(Path(file_path), text)
        return None


def _read(path: Path, text: bytes) -> Any:
    if path.name == _REGIONS:
        return json.loads(text)
    operations = OPERATIONS.get(path.parent.parent.name) if path.name == _MODEL else None
    decoder = json.JSONDecoder(object_pairs_hook=_without_prose)
    found = cut_model(text, operations, decoder) if operations else None
    return decoder.decode(text.decode()) if found is None else _without_prose(found.items())


def _without_prose(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    # The SDK needs some of the keys. A shape may have a member of that name, which is a map.
    return {key: "" if key == _PROSE and isinstance(value, str) else value for key, value in pairs}
