"""What an environment is made of: the catalogue, config files, inputs of terraform, and what its output means."""
