"""What Ctrl-G runs: the prompt file, its route, the wait, and the palette."""
