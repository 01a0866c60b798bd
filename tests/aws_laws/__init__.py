"""AWS as the emulator does not play it: rates, faults, and an exact count of what is asked of it."""
