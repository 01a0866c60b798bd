"""Tests of gromit.core.stack."""
