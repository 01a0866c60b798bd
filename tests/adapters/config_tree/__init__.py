"""Tests of gromit.adapters.config_tree."""
