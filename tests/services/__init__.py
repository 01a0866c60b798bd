"""Tests of the use cases, on fakes."""
