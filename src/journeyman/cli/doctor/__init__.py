"""`journeyman doctor`: checks of the machine, the disk, the network and the configuration."""
