"""Run echo, in an interpreter that knows no FlowLoom yet."""

import os
import sys

# Behind the library, not before it: beside an installed FlowLoom lie packages that are not ours.
sys.path.append(os.path.abspath(f"{os.path.dirname(os.path.abspath(__file__))}/../../../.."))

from flowloom.providers.echo.agent.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
