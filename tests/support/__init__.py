"""Helpers that the suites share; imported as ``support`` because pytest puts tests/ on the path."""
