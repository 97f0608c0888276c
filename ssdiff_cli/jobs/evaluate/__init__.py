"""Evaluation: plans say which samples are fused by which methods; scores become tables and pages."""
