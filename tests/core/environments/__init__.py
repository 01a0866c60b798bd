"""Tests of gromit.core.environments."""
