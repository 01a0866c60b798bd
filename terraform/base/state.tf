# The states of environments, one object each. Terraform's lock is an object next to the state; there is no lock table.
resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV2_AWS_62:nothing waits for changes of states, and gromit knows who makes them
  # checkov:skip=CKV2_AWS_61:the rule is inline; provider 3.39 has no such resource
  # checkov:skip=CKV_AWS_18:each change of a state is already an event in the history of its environment
  # checkov:skip=CKV_AWS_144:if the region is lost, environments are created again from their branches
  bucket = var.state_bucket
  tags   = local.tags

  # Inline, though newer providers prefer separate resources: 3.39 supports only this form, and all versions up to 6 support it.
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

  # A version is kept for 90 days after another one or a deletion replaced it: long enough to notice and restore. States in use are no
  # old versions. Each run leaves two versions of its lock, which have the prefix of the states: S3 has no rule for an end of a key.
  lifecycle_rule {
    id                                     = "old-versions"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 7

    noncurrent_version_expiration {
      days = 90
    }

    expiration {
      expired_object_delete_marker = true
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

  # AWS accepts one change of these settings at a time.
  depends_on = [aws_s3_bucket_public_access_block.state]
}

data "aws_iam_policy_document" "state" {
  statement {
    sid     = "TlsOnly"
    effect  = "Deny"
    actions = ["s3:*"] # a denial of everything
    resources = [
      aws_s3_bucket.state.arn,
      "${aws_s3_bucket.state.arn}/*", # every object of this bucket
    ]

    principals {
      type        = "*"
      identifiers = ["*"] # a denial applies to everybody
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
