"""The FinOps Center in AWS, as a CDK application: it meets `finops` in environment variables."""
