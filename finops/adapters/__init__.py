"""One module for each outside thing: it translates between AWS's words and ours, and nothing else."""
