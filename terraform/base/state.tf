# The states of environments, one object each. Terraform's lock is an object beside the state: there is no table for locks.
resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV2_AWS_62:nobody waits for the states to change: gromit knows who changes them
  # checkov:skip=CKV2_AWS_61:old versions are the way back from a broken state, and small; provider 3.39 has no such resource
  # checkov:skip=CKV_AWS_18:each change of a state is an event of its environment's history already
  # checkov:skip=CKV_AWS_144:environments are made anew from their branches if the region is lost
  bucket = var.state_bucket
  tags   = local.tags

  # Inline, though newer providers would have them as resources of their own: 3.39 knows no other way, and all up to 6 know this one.
  versioning {
    enabled = true
  }

  server_side_encryption_configuration {
    rule {
      bucket_key_enabled = true

      apply_server_side_encryption_by_default {
        sse_algorithm = "aws:kms"
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = data.aws_iam_policy_document.state.json

  # AWS takes one change of these settings at a time.
  depends_on = [aws_s3_bucket_public_access_block.state]
}

data "aws_iam_policy_document" "state" {
  statement {
    sid     = "TlsOnly"
    effect  = "Deny"
    actions = ["s3:*"] # a refusal: of everything
    resources = [
      aws_s3_bucket.state.arn,
      "${aws_s3_bucket.state.arn}/*", # every object of this bucket
    ]

    principals {
      type        = "*"
      identifiers = ["*"] # a refusal: for everybody
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
