"""Faults injected into the file operations of a command: see `tests.faults.run`."""
