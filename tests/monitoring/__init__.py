"""Dashboard and alert rules for Prometheus, against the definitions and against Prometheus."""
