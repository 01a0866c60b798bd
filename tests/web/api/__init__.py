"""Tests of gromit.web.api."""
