"""Rates of calls: those that AWS allows, the share of a process, and what environments need."""
