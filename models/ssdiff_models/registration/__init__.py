"""The shift between PAN and MS."""
