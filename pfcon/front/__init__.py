"""Reads requests before a thread serves them, so that a client without a token can't occupy a thread.

gunicorn's threaded worker reads the rest of a request in one of its threads, without a time limit: as many slow clients
as the worker has threads block it. Here the worker's event loop reads each request's head and, up to a size limit, its
body, with a deadline; a thread serves a request that is complete. A thread reads the body only of multipart uploads
with a valid token. Short responses to slow clients are also buffered and sent by the event loop.

A stream, as that of events, gets a thread only until its first bytes are made. ``hub`` makes the others, for all
streams of a process in one thread, and the event loop sends them.
"""
