"""How a scene is seen, and how it is kept: radiographs, volumes, exact labels, shards."""
