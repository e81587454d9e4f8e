"""The training floor: from a table to a bundle. Never imported by the web process."""
