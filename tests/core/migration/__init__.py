"""Tests of gromit.core.migration."""
