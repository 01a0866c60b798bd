"""The decisions of gromit: names, rows, phases, plans.

No I/O, no clock, no log, no randomness (an import contract holds it).
"""
