"""What is old, and how it is removed."""
