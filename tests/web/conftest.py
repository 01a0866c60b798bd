"""A running `gromit serve` for the tests of the web layer."""

from tests.web.serving import any_time, certificates, emulator, serve, shared_serve

__all__ = ["any_time", "certificates", "emulator", "serve", "shared_serve"]
