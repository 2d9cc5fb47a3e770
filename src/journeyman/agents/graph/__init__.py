"""Graph agents: how a graph is compiled, checked, executed, traced and drawn. Pure."""
