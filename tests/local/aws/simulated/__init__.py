"""Tests of the simulated programs."""
