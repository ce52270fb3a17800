"""Hold a lock of ours until the process is ended: `lock_holder.py PATH`."""

from __future__ import annotations

import sys

from flowloom.store.locks import Lock

Lock(sys.argv[1]).take()
print("held", flush=True)
sys.stdin.read()
