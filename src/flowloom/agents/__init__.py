"""One named agent's life: how it is started, found, looked at and stopped."""
