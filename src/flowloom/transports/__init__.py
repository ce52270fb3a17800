"""The ways in which a text reaches an agent."""
