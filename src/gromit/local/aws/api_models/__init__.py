"""Checks of requests against the API models of AWS that botocore ships."""
