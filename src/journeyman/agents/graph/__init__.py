"""Graph agents: how a graph is compiled, checked, walked and drawn. Pure."""
