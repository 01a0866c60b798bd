"""The reference pages, compared with the code."""
