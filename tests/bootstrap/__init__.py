"""How parts are wired, and what is read of the machine."""
