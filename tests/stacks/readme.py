"""The tables in the READMEs of roots and modules, generated from the Terraform files.

`python -m tests.stacks.readme` writes them and the list in the reference; tests compare them.
"""

from collections.abc import Iterator

from tests.stacks import overview
from tests.stacks.hcl import Directory, directories, everything

BEGIN, END = "<!-- tables: made by `python -m tests.stacks.readme` -->", "<!-- end of tables -->"


def tables(directory: Directory) -> str:
    """Return requirements, resources, variables and outputs of a directory, as Markdown."""
    return "\n".join(
        (*_needs(directory), *_makes(directory), *_takes(directory), *_gives(directory))
    )


def renewed(text: str, directory: Directory) -> str:
    """Return the text of a README with up-to-date tables."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(
            f"the README of {directory.name} has no place for the tables: {BEGIN} … {END}"
        )
    return f"{head}{BEGIN}\n\n{tables(directory)}\n{END}{tail}"


def _needs(directory: Directory) -> Iterator[str]:
    yield from ("## Requirements", "", "| what | version |", "|---|---|")
    for block in directory.blocks("terraform"):
        yield f"| terraform or OpenTofu | `{block.body['required_version']}` |"
        for providers in block.body["required_providers"]:
            yield from (
                f"| provider `{p['source']}` | `{p['version']}` |" for p in providers.values()
            )
    yield ""


def _makes(directory: Directory) -> Iterator[str]:
    if not directory.blocks("resource", "module"):
        return
    yield from ("## Resources", "", "| resource | file |", "|---|---|")
    for block in sorted(directory.blocks("resource", "module"), key=str):
        yield f"| `{str(block).removeprefix('resource.')}` | [{block.file}]({block.file}) |"
    yield ""


def _takes(directory: Directory) -> Iterator[str]:
    yield from ("## Variables", "", "| variable | type | meaning |", "|---|---|---|")
    for block in directory.blocks("variable"):
        type_, meaning = _type(str(block.body["type"])), _cell(str(block.body["description"]))
        yield f"| `{block.name}` | {type_} | {meaning} |"
    yield ""


def _gives(directory: Directory) -> Iterator[str]:
    if not directory.blocks("output"):
        return
    yield from ("## Outputs", "", "| output | meaning |", "|---|---|")
    for block in directory.blocks("output"):
        yield f"| `{block.name}` | {_cell(str(block.body['description']))} |"
    yield ""


def _type(text: str) -> str:
    plain = text.removeprefix("${").removesuffix("}").replace('"', "")
    return f"`{plain}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Regenerate all tables. A new README gets the beginning of a title."""
    for directory in directories():
        path = directory.path / "README.md"
        text = (
            path.read_text() if path.exists() else f"# {directory.path.name}: \n\n{BEGIN}\n{END}\n"
        )
        path.write_text(renewed(text, directory))
    everything.cache_clear()
    overview.PAGE.write_text(overview.renewed(overview.PAGE.read_text(), directories()))


if __name__ == "__main__":
    main()
