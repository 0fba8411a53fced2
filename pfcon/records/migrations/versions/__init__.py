"""One module for each version of the tables. A module never changes after its release."""
