"""Tables of patients: columns, cells, checks, and CSV. Needs numpy and the standard library only."""
