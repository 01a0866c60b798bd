"""The list of all roots and modules in docs/reference/stacks.md.

It is generated from the Terraform files and the titles of their READMEs.
"""

from collections.abc import Iterator

from tests.stacks.hcl import REPOSITORY, Directory

PAGE = REPOSITORY / "docs" / "reference" / "stacks.md"
BEGIN, END = "<!-- roots: made by `python -m tests.stacks.readme` -->", "<!-- end of roots -->"


def overview(places: list[Directory]) -> str:
    """Return the list as Markdown: roots with the place of their state, modules with users."""
    return "\n".join((*_roots(places), "", *_modules(places)))


def renewed(text: str, places: list[Directory]) -> str:
    """Return the page's text with an up-to-date list.

    Raises `ValueError` if the page has no place for it.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the list of roots: {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{overview(places)}\n\n{END}{tail}"


def _roots(places: list[Directory]) -> Iterator[str]:
    yield from ("| root | what | its state |", "|---|---|---|")
    yield from (
        f"| {_link(place)} | {_title(place)} | {_state(place)} |"
        for place in places
        if place.is_root
    )


def _modules(places: list[Directory]) -> Iterator[str]:
    yield from ("| module | what | is part of |", "|---|---|---|")
    for place in places:
        if place.is_module:
            users = ", ".join(f"`{user.path.name}`" for user in places if place.path in _used(user))
            yield f"| {_link(place)} | {_title(place)} | {users} |"


def _used(place: Directory) -> set[object]:
    return {(place.path / str(block.body["source"])).resolve() for block in place.blocks("module")}


def _link(place: Directory) -> str:
    return f"[`{place.name}`](../../{place.name}/README.md)"


def _title(place: Directory) -> str:
    """Return the README's title without the directory's name."""
    first = place.texts["README.md"].partition("\n")[0]
    name, colon, title = first.removeprefix("# ").partition(": ")
    if not colon or name != place.path.name:
        raise ValueError(
            f"the README of {place.name} must begin with `# {place.path.name}: …`, "
            "followed by a short title"
        )
    return title


def _state(place: Directory) -> str:
    for block in place.blocks("terraform"):
        for backend in block.body.get("backend", []):
            return f"{', '.join(backend).upper()}, key `{next(iter(backend.values()))['key']}`"
        for cloud in block.body.get("cloud", []):
            return f"Terraform Cloud, workspace `{cloud['workspaces'][0]['name']}`"
    return "wherever it is applied"
