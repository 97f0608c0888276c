"""Training and adapting networks on arrays: scenes by Wald's protocol, batches and the loop."""
