"""Does a model hold for other patients: a cohort to a report, and to an updated bundle."""
