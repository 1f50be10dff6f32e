"""A run on disk: folder and journals, who did and saw what, how issues were drawn, merging."""
