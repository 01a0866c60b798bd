"""The whole system against real processes: an emulated AWS, serve, and the commands that people and schedules run."""
