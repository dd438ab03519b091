"""What learns from the shards: one file a model, one file a recipe."""
