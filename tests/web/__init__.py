"""Tests of gromit.web."""
