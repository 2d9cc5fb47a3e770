"""The sandbox: which means of isolation the machine has, and how a worker process confines itself with them."""
