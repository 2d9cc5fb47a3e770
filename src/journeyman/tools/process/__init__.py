"""Tools in worker processes: the pool of workers, the frames they exchange with the server, and the worker itself."""
