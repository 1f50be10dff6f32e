"""Chat models: prompts, requests and their pacing, strict reading of answers, failures by name."""
