"""`python -m gromit` is `gromit`."""

from gromit.cli import main

main()
