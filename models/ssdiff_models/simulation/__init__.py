"""Simulated scenes: a landscape seen by a PAN and an MS instrument, with the truth."""

from ssdiff_models.simulation.acquisition import SceneSpec, SimulatedPair, simulate_pair

__all__ = ["SceneSpec", "SimulatedPair", "simulate_pair"]
