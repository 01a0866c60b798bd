"""The only modules that know HTTP and TLS."""
