"""FinOps Center: every dollar of the AWS bill has an owner, and every number a source."""
