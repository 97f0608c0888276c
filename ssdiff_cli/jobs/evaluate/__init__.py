"""Evaluation: a plan names samples and methods, scores become tables and pages."""
