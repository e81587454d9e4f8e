"""Performance figures, censoring and recalibration, shared by training and validation."""
