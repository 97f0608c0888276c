"""A model adapted to one scene."""
