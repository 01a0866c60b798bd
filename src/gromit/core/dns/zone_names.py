"""Names of records, in the form in which a zone returns them."""

import re

from gromit.core.names import normalize_dns_name

_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


def normalize_name(text: str) -> str:
    r"""Return a name in the form for comparison: lower case, no trailing dot.

    Route53's octal escapes (`\052`) are decoded, but for a dot: an escaped one separates no labels.
    """

    def decode(found: re.Match[str]) -> str:
        character = chr(int(found[1], 8))
        return found[0] if character == "." else character

    return normalize_dns_name(_OCTAL.sub(decode, text))
