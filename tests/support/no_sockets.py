"""Run a program that may open no socket, as in a sandbox: `python no_sockets.py PROGRAM ARGUMENTS...`.

A seccomp filter answers socket(2) with EPERM, for the program and all that it starts.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SOCKET = {"x86_64": 41, "aarch64": 198}
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE_EPERM, ALLOW = 0x00050001, 0x7FFF0000


def refuse_sockets() -> None:
    """Install the filter in this process."""
    number = SOCKET[platform.machine()]
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE_EPERM), (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((NO_NEW_PRIVS, 1, 0, 0, 0), (SET_SECCOMP, FILTER, program, 0, 0)):
        if libc.prctl(*words):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_sockets()
    os.execvp(sys.argv[1], sys.argv[1:])
