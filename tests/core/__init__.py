"""Tests of gromit.core."""
