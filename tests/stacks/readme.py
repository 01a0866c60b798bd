"""The tables in the stack's READMEs, made from the Terraform files.

`python -m tests.stacks.readme` writes them; a test compares.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.stacks.hcl import STACK, Directory, directories

BEGIN, END = "<!-- tables: made by `python -m tests.stacks.readme` -->", "<!-- end of tables -->"


def tables(directory: Directory) -> str:
    """What a directory needs, makes, takes and gives, as Markdown."""
    return "\n".join((*_needs(directory), *_makes(directory), *_takes(directory), *_gives(directory)))


def renewed(text: str, directory: Directory) -> str:
    """A README's text with the tables as they have to be."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the README of {directory.name} has no place for the tables: {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{tables(directory)}\n{END}{tail}"


def _needs(directory: Directory) -> Iterator[str]:
    yield from ("## Needs", "", "| what | version |", "|---|---|")
    for block in directory.blocks("terraform"):
        yield f"| terraform or OpenTofu | `{block.body['required_version']}` |"
        for providers in block.body["required_providers"]:
            yield from (f"| provider `{p['source']}` | `{p['version']}` |" for p in providers.values())
    yield ""


def _makes(directory: Directory) -> Iterator[str]:
    yield from ("## Makes", "", "| what | file |", "|---|---|")
    for block in sorted(directory.blocks("resource", "module"), key=str):
        yield f"| `{str(block).removeprefix('resource.')}` | [{block.file}]({block.file}) |"
    yield ""


def _takes(directory: Directory) -> Iterator[str]:
    yield from ("## Takes", "", "| variable | type | what |", "|---|---|---|")
    for block in directory.blocks("variable"):
        yield f"| `{block.name}` | {_type(str(block.body['type']))} | {_cell(str(block.body['description']))} |"
    yield ""


def _gives(directory: Directory) -> Iterator[str]:
    yield from ("## Gives", "", "| output | what |", "|---|---|")
    for block in directory.blocks("output"):
        yield f"| `{block.name}` | {_cell(str(block.body['description']))} |"
    yield ""


def _type(text: str) -> str:
    plain = text.removeprefix("${").removesuffix("}").replace('"', "")
    return f"`{plain}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(stack: Path = STACK) -> None:
    """Write all tables anew."""
    for directory in directories(stack):
        path = stack.parent / directory.name / "README.md"
        path.write_text(renewed(path.read_text(), directory))


if __name__ == "__main__":
    main()
