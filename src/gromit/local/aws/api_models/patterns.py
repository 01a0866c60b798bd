"""Patterns of the models, which are Java's, as Python's.

Where Python has no class of characters for one of Java's, a larger class takes its place. A pattern
then accepts more than AWS does, never less.
"""

import re
from functools import cache

_CLASSES = {
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{M}": r"\u0300-\u036f\u0900-\u0903\u20d0-\u20ff\ufe00-\ufe0f",
    r"\p{P}": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e\u3001-\u303f\uff01-\uff65",
    r"\p{S}": r"$+<->\^`|~\u00a2-\u00b8\u00d7\u00f7\u2044-\u2bff\U0001f000-\U0001faff",
    r"\p{Zs}": r"\s",
    r"\p{Z}": r"\s",
}
_ASTRAL = r"\uD800\uDC00-\uDBFF\uDFFF"
"""Java's spelling of all characters beyond the first 65,536."""


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern of a model as one of Python's. A value has to match as a whole.

    Raises `re.error` for a pattern that Python cannot read.
    """
    text = pattern.replace(_ASTRAL, r"\U00010000-\U0010ffff")
    for java, python in _CLASSES.items():
        text = text.replace(java, python)
    # In a class, Java reads a dash after \w as a dash.
    return re.compile(re.sub(r"\[([^\]]*)\\w-(?!\])", r"[\1\\w\\-", text))
