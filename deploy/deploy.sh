#!/usr/bin/env bash
# Deploys flowlake with the AWS CLI alone: the bucket of its code, the zip file, the stack, and what
# CloudFormation cannot make. Running it again updates. README.md beside this file explains each step.
#
# usage: deploy.sh STACK FLOW_LOG_BUCKET ZIP ARCHITECTURE [PARAMETER=VALUE]...
#
# Region and credentials are those of the AWS CLI (AWS_REGION, AWS_PROFILE and so on). Parameters are
# those of template.yaml; one that is not given keeps the value of the deployment before.
set -euo pipefail

if [ $# -lt 4 ] || [ -z "$1" ] || [ -z "$2" ]; then
  echo "usage: make deploy STACK=name FLOW_LOG_BUCKET=bucket [PARAMETERS='Name=value ...']" >&2
  exit 2
fi
stack=$1 flow_logs=$2 zip=$(cd "$(dirname "$3")" && pwd)/$(basename "$3") architecture=$4
shift 4
cd "$(dirname "$0")"

echo "== bucket of the code: stack $stack-code"
aws cloudformation deploy --stack-name "$stack-code" --template-file code.yaml --no-fail-on-empty-changeset
code=$(aws cloudformation describe-stack-resource --stack-name "$stack-code" --logical-resource-id CodeBucket \
  --query StackResourceDetail.PhysicalResourceId --output text)

# The key holds the content's hash, so that a new zip file updates the function and an old one does not.
hash=$({ sha256sum "$zip" 2>/dev/null || shasum -a 256 "$zip"; } | cut -c1-16)
key=convert-$architecture-$hash.zip
echo "== code: s3://$code/$key"
aws s3 cp --only-show-errors "$zip" "s3://$code/$key"

echo "== stack $stack"
aws cloudformation deploy --stack-name "$stack" --template-file template.yaml \
  --s3-bucket "$code" --s3-prefix templates --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
  --parameter-overrides "FlowLogBucket=$flow_logs" "CodeBucket=$code" "CodeKey=$key" "Architecture=$architecture" "$@"

# CloudFormation has no property for partition indexes.
database=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query "Stacks[0].Parameters[?ParameterKey=='DatabaseName'].ParameterValue")
for table in aga_flow_logs aga_flow_logs_rejects; do
  indexes=$(aws glue get-partition-indexes --database-name "$database" --table-name "$table" \
    --query 'length(PartitionIndexDescriptorList || `[]`)' --output text)
  if [ "$indexes" = 0 ]; then
    echo "== partition index of $database.$table"
    aws glue create-partition-index --database-name "$database" --table-name "$table" \
      --partition-index IndexName=year_month_day,Keys=year,month,day
  fi
done

echo "== done"
aws cloudformation describe-stacks --stack-name "$stack" --output table \
  --query 'Stacks[0].Outputs[].{name: OutputKey, value: OutputValue}'
cat <<END
Events of the bucket $flow_logs must reach EventBridge. If its owner has not turned that on yet:
  build/flowlake attach --bucket $flow_logs
END
