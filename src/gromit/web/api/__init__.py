"""The API of `gromit serve`."""
