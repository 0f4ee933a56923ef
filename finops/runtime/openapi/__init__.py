"""The contract of the API, apart from the doors: a cold start does not pay for it."""
