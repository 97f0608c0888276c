"""Samples to be scored, one after the other."""
