"""Tests of the commands, called as a user calls them."""
