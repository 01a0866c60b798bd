"""Tests of gromit.config."""
