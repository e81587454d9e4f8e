"""The clinical floor: the variables, and what makes a record of them a patient. No web, no machine learning."""
