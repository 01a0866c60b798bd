"""The local cloud: the whole system on one machine.

Nothing outside this package, but its command, knows that it exists.
"""
