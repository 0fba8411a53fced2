"""What the engines behind a Docker API, docker and swarm, share: connections, errors, logs, images, words."""
