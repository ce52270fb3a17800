"""A text is pasted into the input box of an agent's window."""
