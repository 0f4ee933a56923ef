"""The FinOps Center as a CDK application: what `cdk` runs, and what `python app.py` synthesizes."""

from infra.application import build

if __name__ == "__main__":
    build().synth()
