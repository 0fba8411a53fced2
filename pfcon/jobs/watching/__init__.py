"""Watching the jobs that engines have, also those that no client asks for.

One process of all, the leader, compares the records with each engine every few seconds, and records what has changed
(``engine_watch``). All processes answer requests from the records while these are fresh (``freshness``).
"""
