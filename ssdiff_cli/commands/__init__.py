"""One thin file a command: options to a job, its report to stdout; imports that take time wait."""
