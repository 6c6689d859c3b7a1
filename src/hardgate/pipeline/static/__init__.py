"""`hardgate static`: what can be told of a template without running any of its code."""
