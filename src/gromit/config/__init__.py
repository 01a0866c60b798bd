"""Settings: their schema, the types of their values, and where they are loaded from."""
