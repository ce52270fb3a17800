"""FlowLoom: a staff of long-lived Claude Code agents for one Claude Code session."""

__version__ = "0.1.0"
