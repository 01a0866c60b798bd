"""Plan of `gromit migrate` for the rows and records of gromit v1, with a reason for each step."""
