"""The paper's diffusion: schedule, noise, denoiser, sampler. It knows denoisers, never a network."""
