"""Reads requests before a thread is taken for them, so that a client without a token can't hold one.

gunicorn's threaded worker waits for the rest of a request in one of its threads, without a time limit: as many slow
clients as there are threads stop it. Here the worker's event loop reads each request's head and, up to a limit, its
body, with a deadline; a thread gets a request that is complete. Only multipart uploads with a valid token come in while
a thread waits. What a client does not fetch of a short answer, the event loop keeps and sends as well.
"""
