"""Protection against failing services: concurrency and rate limits, circuit breakers, retries, and their one order."""
