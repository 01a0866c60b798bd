"""Tests of gromit.core.security."""
