"""AWS services, one port each."""
