"""Tests of gromit.core.dns."""
