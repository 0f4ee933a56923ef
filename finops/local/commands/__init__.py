"""What the command `finops` can do: one module per capability, each with its own `app`."""
