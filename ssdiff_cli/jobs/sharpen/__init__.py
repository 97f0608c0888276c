"""Sharpening: from a pair of files to an output, its checks, warnings and batches."""
