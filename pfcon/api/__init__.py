"""The HTTP interface: strings in, one service method, JSON out."""
