"""The echo agent speaks the hook protocol of Claude Code."""

from __future__ import annotations

from flowloom.providers.claude import dialect

EVENTS = dialect.EVENTS
RECEIPT = dialect.RECEIPT
report = dialect.report
