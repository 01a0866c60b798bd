"""Tests of gromit.core.doctor."""
