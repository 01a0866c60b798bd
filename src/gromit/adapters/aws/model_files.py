"""Models of AWS's services as the SDK reads them, without their documentation.

The SDK keeps each model that it has read. The prose in them is for its own reference pages, and is
most of what they take: without it, a client is made faster, and a process is smaller.
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

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
                return json.loads(text, object_pairs_hook=_without_prose)
        return None


def _without_prose(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # The SDK needs some of the keys. A shape may have a member of that name, which is a map.
    return {key: "" if key == _PROSE and isinstance(value, str) else value for key, value in pairs}
