"""Ordinary classes that stand in for the outside world."""
