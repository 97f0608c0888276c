"""What is fused: windows, sources, band statistics, sensors."""
