"""What all tests of the science need."""

from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, max_examples=60)
settings.load_profile("patient")
