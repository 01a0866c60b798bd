"""Public DNS records: the ones that should exist, and the changes that lead there."""
