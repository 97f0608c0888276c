"""Outputs: tiles, journal, shards, metadata, and the last rename."""
