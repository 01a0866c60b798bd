"""The local cloud: gromit and an emulated AWS on one machine.

Outside this package, only its command uses it.
"""
