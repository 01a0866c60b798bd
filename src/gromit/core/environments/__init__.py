"""Environments as rows: their desired and observed state, and the rules of every change."""
