"""The hosts file of real programs: the names of the local cloud, as its DNS server answers them."""

import os
from pathlib import Path

from gromit.local.aws.dns_server import RecordSource, follow_name

_SYSTEM = Path("/etc/hosts")


class HostsFile:
    """A hosts file that each program sees as `/etc/hosts`.

    A mounted file cannot be replaced, so it is written in place. One write that is never shorter
    than the one before leaves no moment at which a reader finds it cut.
    """

    def __init__(self, path: Path, names: RecordSource, system: Path = _SYSTEM) -> None:
        self._names = names
        self._base = system.read_text() if system.exists() else "127.0.0.1 localhost\n"
        self._written = ""
        self._size = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)

    def update(self) -> None:
        """Write the present names, if they have changed."""
        content = f"{self._base.rstrip()}\n{self._lines()}"
        if content == self._written:
            return
        data = content.encode().ljust(self._size, b"\n")
        os.pwrite(self._file, data, 0)
        self._written, self._size = content, len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _lines(self) -> str:
        """Lines of all addresses; a hosts file knows no wildcards."""
        records = self._names.record_sets()
        found = [(record.name, record) for record in records]
        for alias in records:
            if alias.type == "CNAME":
                found += [(alias.name, r) for r in follow_name(records, alias.name, "A")]
        lines = {
            f"{address} {name}\n"
            for name, record in found
            if record.type == "A" and name[0] not in "*\\"
            for address in record.values
        }
        return "".join(sorted(lines))
