"""Keys, certificates and tokens in files and in Secrets Manager."""
