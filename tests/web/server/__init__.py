"""Tests of gromit.web.server."""
