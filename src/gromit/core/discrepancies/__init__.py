"""Discrepancies between the table of environments and everything that exists because of it."""
