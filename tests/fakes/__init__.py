"""Ordinary classes in place of the outside world."""
