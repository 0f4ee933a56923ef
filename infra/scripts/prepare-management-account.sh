#!/usr/bin/env bash
# Prepares an organization's management account for the FinOps Center: what CloudFormation cannot.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: prepare-management-account.sh [--dry-run] [--tags KEY,KEY…] FINOPS_ACCOUNT_ID

Run it with credentials of the management account (AWS_PROFILE), once, before or after the stack
of Management.template.json. Running it again changes nothing.

What it does, and why:
  1. opens Organizations to account.amazonaws.com and makes the FinOps account its delegated
     administrator: names, contacts and regions of accounts
  2. enrols the organization in Cost Optimization Hub and delegates that: recommendations
  3. enrols the organization in Compute Optimizer and delegates that: what recommendations rest on
  4. makes the role that lets Data Exports read Cost Optimization Hub
  5. --tags: activates these cost allocation tags, so that the bill carries them from tomorrow

  --dry-run  says what it would do, and asks AWS nothing
  --help     this text

Not for a script: opt in to split cost allocation data (Billing → Cost Management preferences) if
containers are to be told apart, and have AWS Support backfill the export if earlier months count.
TEXT
}

dry_run=false
tags=''
while (($#)); do
    case $1 in
        --help | -h) usage && exit 0 ;;
        --dry-run) dry_run=true ;;
        --tags) tags=${2:?--tags needs the keys} && shift ;;
        -*) usage >&2 && exit 2 ;;
        *) break ;;
    esac
    shift
done
finops=${1:-}
if [[ $# -ne 1 || ! $finops =~ ^[0-9]{12}$ ]]; then
    usage >&2
    exit 2
fi

say() { printf '%s\n' "$*"; }

run() {
    if $dry_run; then
        say "would run: aws $*"
    else
        aws "$@" >/dev/null
    fi
}

# Runs a command that fails when all is as it should be; the first argument is the name of that error.
run_unless() {
    local already=$1 said
    shift
    if $dry_run; then
        run "$@"
    elif ! said=$(aws "$@" 2>&1); then
        [[ $said == *"$already"* ]] || { say "$said" >&2 && return 1; }
    fi
}

delegate() {
    run organizations enable-aws-service-access --service-principal "$1"
    run_unless AccountAlreadyRegisteredException organizations register-delegated-administrator \
        --account-id "$finops" --service-principal "$1"
}

if ! $dry_run; then
    here=$(aws sts get-caller-identity --query Account --output text)
    payer=$(aws organizations describe-organization \
        --query Organization.MasterAccountId --output text)
    if [[ $here != "$payer" ]]; then
        say "This is account $here; the management account of the organization is $payer." >&2
        exit 1
    fi
fi

say '1. Accounts'
delegate account.amazonaws.com

say '2. Cost Optimization Hub'
run cost-optimization-hub update-enrollment-status \
    --status Active --include-member-accounts --region us-east-1
delegate cost-optimization-hub.bcm.amazonaws.com

say '3. Compute Optimizer'
run compute-optimizer update-enrollment-status --status Active --include-member-accounts
delegate compute-optimizer.amazonaws.com

say '4. The role of Data Exports'
run_unless 'has been taken' iam create-service-linked-role \
    --aws-service-name bcm-data-exports.amazonaws.com

if [[ -n $tags ]]; then
    say '5. Cost allocation tags'
    IFS=, read -ra keys <<<"$tags"
    for key in "${keys[@]}"; do
        run ce update-cost-allocation-tags-status --region us-east-1 \
            --cost-allocation-tags-status "TagKey=$key,Status=Active"
    done
fi

say 'Done.'
