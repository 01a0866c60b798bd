"""The terraform program: where it is, how it runs, and the files it runs on."""
