"""The networks, one a file. They know nothing of diffusion."""
