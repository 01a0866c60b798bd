"""Public DNS records: the desired ones, and the changes that lead to them."""
