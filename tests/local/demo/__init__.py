"""Tests of gromit.local.demo."""
