"""Stand-ins for real parts, each held to the contract suite of what it stands for."""
