"""Language models: the client protocol, the gateway client, and models that need no gateway."""
