"""The packaged stack as text: its schema, its style, its documentation, and its mocked tests."""
