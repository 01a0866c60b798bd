"""One suite per port, run against its fake and against its real adapter."""
