"""Real terraforms, on the emulator and on a stack that needs no provider."""
