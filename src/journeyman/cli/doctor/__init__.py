"""`journeyman doctor`: checks of the machine, the disk and the network."""
