"""Certificates, roles, and tokens of people and jobs."""
