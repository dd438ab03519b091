"""The kernels on a card, from the same bodies as the processor's; imported only where `backend: mesh-gpu` is chosen."""
