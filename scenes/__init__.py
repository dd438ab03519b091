"""Every choice about what is scanned: dataset specs, parts, poses, and the scenes sampled from them."""
