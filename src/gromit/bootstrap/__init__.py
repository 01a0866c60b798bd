"""The composition root: one module for each command turns settings into wired parts.

Only here are clock, randomness, user and host read. A command imports the module of its own
parts, so that it loads no library that it does not use.
"""
