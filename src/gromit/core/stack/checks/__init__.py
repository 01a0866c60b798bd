"""Check of a catalogue: its rendered config files and variables against what programs accept."""
