"""The doctor's facts, and the rules that turn them into findings."""
