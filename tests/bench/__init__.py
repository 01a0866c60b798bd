"""Measurements of growth laws: `python -m tests.bench [LAW ...]`, or `make bench`."""
