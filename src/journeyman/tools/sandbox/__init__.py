"""The sandbox: what the machine offers and how a worker process confines itself."""
