"""The logs of jobs: whole, by offset, also after the engine's own have gone."""
