"""``/``: the page for people, a client of the HTTP interface that runs in a browser. Its files are in ``files/``."""
