"""Definitions of all metrics. Registration, the reference page and tests derive from them."""
