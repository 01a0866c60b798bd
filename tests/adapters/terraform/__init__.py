"""Tests of gromit.adapters.terraform."""
