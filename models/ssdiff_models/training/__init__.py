"""Training: scenes by Wald's protocol, batches, the loop as a generator of step reports. No rasters here, arrays only."""
