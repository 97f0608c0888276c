"""The paper's diffusion: schedule, noise, denoiser and samplers; no network is known here."""
