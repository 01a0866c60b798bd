"""The HTTPS server: TLS, connections, limits and health."""
