"""Claims about gromit, and searches for what contradicts them: `make prove`.

Each module here that has a `SUITE` is a suite, and its name is the suite's.
"""
