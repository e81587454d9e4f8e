"""The inference floor: a bundle on disk, the model it becomes in memory, and the registry of them."""
