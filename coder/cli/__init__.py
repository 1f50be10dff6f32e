"""The command line: one file per verb. Parses, calls, prints; holds no logic of its own."""
