"""Every kernel once: taps, borders, separable products, degradation by the MTF, EXP."""
