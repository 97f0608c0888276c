"""One thin file a command: options -> config -> job -> report. Cheap to import; what is heavy is imported inside functions."""
