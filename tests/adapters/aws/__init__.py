"""Tests of gromit.adapters.aws."""
