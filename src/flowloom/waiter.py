"""The name by which a Ctrl-G that began before an upgrade starts the waiter of a task that it leaves."""

from __future__ import annotations

from flowloom.delegation.waiter import main

if __name__ == "__main__":
    main()
