"""Training a model: settings, scenes, processes, log and record."""
