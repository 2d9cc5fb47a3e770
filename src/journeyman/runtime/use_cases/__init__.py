"""Use cases: what every interface calls to start, follow, answer and fork runs."""
