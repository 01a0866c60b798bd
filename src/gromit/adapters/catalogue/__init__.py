"""The catalogue as a YAML file."""
