"""A local cloud: its folder, network, processes and parts."""
