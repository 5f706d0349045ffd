"""What a model costs, beside what it is worth."""
