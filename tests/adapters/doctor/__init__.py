"""Tests of gromit.adapters.doctor."""
