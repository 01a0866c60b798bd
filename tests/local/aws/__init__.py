"""Tests of gromit.local.aws."""
