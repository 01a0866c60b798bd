"""A terminal's screen: shows the result of a stream with the cursor movements of progress."""

import re

_TOKEN = re.compile(r"\x1b\[(?P<args>[?\d;]*)(?P<verb>[A-Za-z])|(?P<char>[^\x1b])", re.DOTALL)


class Screen:
    """Lines of a fixed width that never scroll away.

    Raises `ValueError` for an unknown cursor movement.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        """Visible lines."""
        return ["".join(row).rstrip() for row in self._rows]

    def write(self, stream: str) -> None:
        """Show a stream."""
        at = 0
        while at < len(stream):
            token = _TOKEN.match(stream, at)
            if token is None:
                raise ValueError(f"not understood: {stream[at : at + 8]!r}")
            at = token.end()
            if token["char"]:
                self._put(token["char"])
            else:
                self._move(token["verb"], token["args"])

    def _put(self, char: str) -> None:
        match char:
            case "\r":
                self._column = 0
            case "\n":
                self._row, self._column = self._row + 1, 0
            case _:
                if (
                    self._column == self._columns
                ):  # the cursor leaves a full line only for the next character
                    self._row, self._column = self._row + 1, 0
                row = self._current()
                row.extend(" " * (self._column + 1 - len(row)))
                row[self._column] = char
                self._column += 1
        self._current()

    def _move(self, verb: str, args: str) -> None:
        match verb, args:
            case "A", _:
                self._row = max(0, self._row - int(args or 1))
            case "K", "2":
                self._current().clear()
            case ("m", _) | ("l" | "h", "?25"):  # colours and visibility of the cursor
                pass
            case _:
                raise ValueError(f"not understood: {args}{verb}")

    def _current(self) -> list[str]:
        while len(self._rows) <= self._row:
            self._rows.append([])
        return self._rows[self._row]
