"""The command-line tool: files, devices, terminal."""
