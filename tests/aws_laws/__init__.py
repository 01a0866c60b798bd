"""Behaviour of AWS that the emulator lacks: rate limits, faults, and an exact count of calls."""
