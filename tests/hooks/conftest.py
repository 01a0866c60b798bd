"""A running `gromit serve` for the hooks."""

from tests.web.serving import certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]
