"""Simulated programs: each does first what the real program of a component does first.

They run in the processes of simulated containers, without any library, so these modules import
only the standard library and each other.
"""
