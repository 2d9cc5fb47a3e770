"""Who is calling and what they may do; knows no web framework."""
