"""What being a Lambda takes: settings, observability, REST, wiring."""
