resource "aws_ecr_repository" "this" {
  # checkov:skip=CKV_AWS_136:encrypted with AWS's own key: one of ours would cost by the month and keep out nobody else
  # checkov:skip=CKV_AWS_51:the default branch's tag moves with every build of it
  name = var.repository
  tags = var.tags

  image_tag_mutability = "MUTABLE"

  encryption_configuration {
    encryption_type = "AES256"
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  # AWS keeps a registry that has images, but providers before 4.22 tell it not to: they delete every image along with it.
  lifecycle {
    prevent_destroy = true
  }
}

# A lifecycle policy can only let images expire. But an image that meets the tags of a rule is never expired by a later one, whether
# or not the earlier rule expires it: so what is to be kept is met first, by rules that begin to expire at a number never reached.
# Each pattern is a rule of its own, as a rule with several is met only by an image that bears tags for all of them.
# The rule for untagged images comes before the one for any, which AWS wants last.
locals {
  keeping = [
    for number, pattern in var.kept_tags : {
      rulePriority = number + 1
      description  = "keep ${pattern}"
      action       = { type = "expire" }
      selection = {
        tagStatus      = "tagged"
        tagPatternList = [pattern]
        countType      = "imageCountMoreThan"
        countNumber    = 9999
      }
    }
  ]

  expiring = [
    for number, rule in [{ status = "untagged", days = 7 }, { status = "any", days = 14 }] : {
      rulePriority = length(var.kept_tags) + number + 1
      description  = "expire ${rule.status} after ${rule.days} days"
      action       = { type = "expire" }
      selection = {
        tagStatus   = rule.status
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = rule.days
      }
    }
  ]
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy     = jsonencode({ rules = concat(local.keeping, local.expiring) })
}
