"""The user's own Claude Code session: its settings files, and the files it touched."""
