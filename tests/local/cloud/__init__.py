"""Tests of gromit.local.cloud."""
