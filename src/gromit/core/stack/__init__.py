"""Stack of an environment: its catalogue, its inputs and outputs, and the runs of terraform."""
