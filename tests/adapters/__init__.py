"""Tests of the adapters, against real files and the emulator."""
