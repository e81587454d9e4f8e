"""Published papers reproduced on the public data; not part of the package. See README.md."""
