"""What leaves a study: the coded data in other programs' forms, and the replication package."""
