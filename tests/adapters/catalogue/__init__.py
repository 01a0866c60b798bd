"""Tests of gromit.adapters.catalogue."""
