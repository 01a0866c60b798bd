"""Each patch: the stock emulator lacks the behaviour, the patched one has it."""
