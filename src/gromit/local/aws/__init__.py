"""The emulated AWS of a local cloud: API, Fargate and DNS."""
