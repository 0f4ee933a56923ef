"""Values, rules and decisions: pure, without I/O, clock or cloud."""
