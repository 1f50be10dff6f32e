"""Files apart from what is in them: bounded reading, atomic writing, caches, permissions."""
