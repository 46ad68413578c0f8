"""Search over what a network can become, for the points that nothing else beats."""
