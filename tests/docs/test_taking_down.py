"""The page on installing names every resource with `prevent_destroy`."""

import re

from tests.docs.markdown import read
from tests.platform import infra

PAGE = read("how-to/install-on-aws.md")


def test_what_is_kept_is_what_the_page_says() -> None:
    modules = sorted(f"modules/{path.name}" for path in (infra.TERRAFORM / "modules").iterdir())
    rows = [
        line for line in PAGE.partition("| kept | in |")[2].splitlines() if line.startswith("| `")
    ]
    named = {
        address for row in rows for address in re.findall(r"`(aws_\w+\.\w+)`", row.split("|")[1])
    }
    assert named == infra.kept("base", "infra", *modules)
