"""Tests of gromit.core.discrepancies."""
