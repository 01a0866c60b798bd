# The same table that gromit creates if there is none: adapters/aws/dynamodb_table.py, docs/reference/table.md.
resource "aws_dynamodb_table" "environments" {
  # checkov:skip=CKV_AWS_119:the account's DynamoDB key encrypts it, and secrets in the kept output of tasks are masked

  name         = var.table
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "name"
  tags         = local.tags

  attribute {
    name = "name"
    type = "S"
  }

  attribute {
    name = "work"
    type = "S"
  }

  attribute {
    name = "due"
    type = "N"
  }

  attribute {
    name = "life"
    type = "S"
  }

  attribute {
    name = "look_at"
    type = "N"
  }

  # A sparse index: rows with work, by the time it is due.
  global_secondary_index {
    name               = "work"
    hash_key           = "work"
    range_key          = "due"
    projection_type    = "INCLUDE"
    non_key_attributes = ["lease_until", "claim_id", "since"]
  }

  # A sparse index: environments with a deadline, by the next look at their lifetime.
  global_secondary_index {
    name               = "life"
    hash_key           = "life"
    range_key          = "look_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["warned"]
  }

  ttl {
    enabled        = true
    attribute_name = "expire_at"
  }

  point_in_time_recovery {
    enabled = true
  }

  # The account's DynamoDB key: CloudTrail records its use, and no role needs a permission for it.
  server_side_encryption {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}
