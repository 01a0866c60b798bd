"""Settings: schema, types of values, and loading."""
