"""The page: environments and the platform in a browser, for the gateway and `gromit ui`."""
