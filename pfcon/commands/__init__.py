"""Commands of pfcon that have commands of their own."""
