"""Tests of gromit.web.gateway."""
