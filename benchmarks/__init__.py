"""What the tool costs, as ratios inside one run: ``python -m benchmarks``."""
