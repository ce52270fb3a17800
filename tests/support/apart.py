"""Run a command below init, with our three descriptors, and exit as it does: nothing above us is above it."""

from __future__ import annotations

import os
import subprocess
import sys

reading, writing = os.pipe()
if not os.fork():
    if not os.fork():
        os.close(reading)
        os.write(writing, str(subprocess.run(sys.argv[1:], check=False).returncode).encode())
    os._exit(0)
os.close(writing)
code = os.read(reading, 16)
sys.exit(int(code) if code else 1)
