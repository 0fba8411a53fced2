"""Events of jobs for others: the feed that streams read, and the webhook."""
