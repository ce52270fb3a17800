"""What an agent is for: the system prompt for each role."""
