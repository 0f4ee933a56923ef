"""The whole product on one machine: local AWS, sample bills, the `finops` command."""
