"""From a dataset's spec to its shards on disk."""
