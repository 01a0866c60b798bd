"""Each mend: the stock emulator lacks it, the mended one has it."""
