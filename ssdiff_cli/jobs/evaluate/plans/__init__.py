"""What an evaluation scores: a pair, products with a reference, or a test set."""
