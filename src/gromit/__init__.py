"""gromit: a control plane for ephemeral developer environments on AWS."""
