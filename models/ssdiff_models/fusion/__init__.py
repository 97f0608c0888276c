"""A model bound to a scene, streamed tile by tile."""
