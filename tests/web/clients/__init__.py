"""Tests of gromit.web.clients."""
