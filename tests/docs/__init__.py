"""Tests of the pages: compared with the code, and run."""
