"""The order in which tasks are served."""
