"""Pairs of rasters as scenes: bands, geometry, resampling, statistics."""
