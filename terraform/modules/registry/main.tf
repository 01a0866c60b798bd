resource "aws_ecr_repository" "this" {
  # checkov:skip=CKV_AWS_136:AWS's own key encrypts it: a key of ours would cost by the month and keep out no one else
  # checkov:skip=CKV_AWS_51:the tag of the default branch moves with every build
  name = var.repository
  tags = var.tags

  image_tag_mutability = "MUTABLE"

  encryption_configuration {
    encryption_type = "AES256"
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  # AWS refuses to delete a registry with images, but providers before 4.22 force it: they delete all images too.
  lifecycle {
    prevent_destroy = true
  }
}

# A lifecycle policy can only let images expire. But once an image matches the tags of a rule, no later rule expires it, whether or
# not the earlier one does. So the first rules match the images to keep, and expire them beyond a number that is never reached.
# Each pattern has its own rule, because a rule with several patterns matches only images with tags for all of them.
# The rule for untagged images comes before the rule for any image, which AWS requires to be the last.
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
