"""The benches: `python -m bench`. What they measure and how to read them: docs/reference/bench.md."""
