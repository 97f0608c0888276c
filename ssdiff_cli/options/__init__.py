"""The command line's options, each declared once."""
