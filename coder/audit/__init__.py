"""What a run's files prove: that nothing in them was changed, and that no label leaked."""
