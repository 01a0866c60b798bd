"""End-to-end tests with separate processes: an emulated AWS, serve and the commands."""
