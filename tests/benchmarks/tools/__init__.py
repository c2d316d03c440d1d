"""What the tools are worth, each on its own truth; `python -m tests.benchmarks.tools`."""
