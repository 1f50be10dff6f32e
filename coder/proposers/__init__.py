"""Where proposals come from: a classifier in the package, or any chat model."""
