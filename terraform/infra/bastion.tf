# The newest AMIs. After a release, a normal apply replaces the Mongo hosts or the bastion, and keeps the data on volumes.
data "aws_ssm_parameter" "ami" {
  name = var.ami_parameter
}

# The bastion runs gromit's image, which exists for x86-64 only.
data "aws_ssm_parameter" "bastion_ami" {
  name = var.bastion_ami_parameter
}

locals {
  ami = nonsensitive(data.aws_ssm_parameter.ami.value)
  ssh = length(var.bastion.ssh_cidrs) > 0

  # The account's own registry of the image that the bastion pulls; none if the image comes from elsewhere.
  bastion_images = [
    for name in flatten(regexall("^${replace(local.base.registry, ".", "\\.")}/([^:@]+)", var.image)) :
    "arn:aws:ecr:${var.region}:${var.account_id}:repository/${name}"
  ]
}

# The bastion reads here which image to run, so that a release of gromit does not replace the machine.
resource "aws_ssm_parameter" "image" {
  # checkov:skip=CKV2_AWS_34:it holds the name of an image, so a reader should need no permission to decrypt
  name        = "/gromit/image"
  description = "Image of the control plane, which the command gromit of the bastion runs"
  type        = "String"
  value       = var.image
  tags        = local.tags
}

module "bastion" {
  source = "../modules/host"

  name               = "gromit-bastion"
  ami                = nonsensitive(data.aws_ssm_parameter.bastion_ami.value)
  instance_type      = var.bastion.instance_type
  subnet_id          = (local.ssh ? module.network.public_subnets : module.network.private_subnets)[var.zones[0]]
  has_public_address = local.ssh
  key_pair           = var.bastion.key_pair
  security_groups    = [aws_security_group.bastion.id, aws_security_group.mounts.id]
  boundary           = aws_iam_policy.boundary.arn
  policies           = { volumes = data.aws_iam_policy_document.bastion.json, image = data.aws_iam_policy_document.bastion_image.json }
  tags               = local.tags

  user_data = templatefile("${path.module}/files/bastion.sh.tftpl", {
    volumes   = local.volumes
    region    = var.region
    parameter = aws_ssm_parameter.image.name
    registry  = local.base.registry
    settings  = merge(var.table == "DeveloperEnvironments" ? {} : { GROMIT_TABLENAME = var.table }, local.named)
    gromit    = file("${path.module}/files/gromit.sh")
  })

  depends_on = [aws_efs_mount_target.config, aws_efs_mount_target.certs]
}

# The public address if there is one, else the private one, which is of use in the VPC.
resource "aws_route53_record" "bastion" {
  zone_id = aws_route53_zone.this.zone_id
  name    = "bastion.${var.domain}"
  type    = "A"
  ttl     = 60
  records = [local.ssh ? module.bastion.public_ip : module.bastion.private_ip]
}

resource "aws_security_group" "bastion" {
  name        = "gromit-bastion"
  description = "bastion"
  vpc_id      = module.network.vpc_id
  tags        = merge(local.tags, { Name = "gromit-bastion" })
}

# For the listed ranges, if there are any. Session Manager needs no ingress.
resource "aws_security_group_rule" "ssh" {
  for_each = toset(var.bastion.ssh_cidrs)

  security_group_id = aws_security_group.bastion.id
  description       = "ssh"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = [each.value]
}

resource "aws_security_group_rule" "bastion_out" {
  # checkov:skip=CKV_AWS_382:people inspect all kinds of services from the bastion, on any port

  security_group_id = aws_security_group.bastion.id
  description       = "anything out: people look at everything from here"
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

# Read and write through the access point of each whole volume only. Through that of `certs`, clients act as the image's user. Through
# that of `config` they act as root, because only root can write into the root folder; the volume's policy (modules/volume) allows it.
data "aws_iam_policy_document" "bastion" {
  dynamic "statement" {
    for_each = local.volumes

    content {
      actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
      resources = ["arn:aws:elasticfilesystem:${var.region}:${var.account_id}:file-system/${statement.value.file_system_id}"]

      condition {
        test     = "StringEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = ["arn:aws:elasticfilesystem:${var.region}:${var.account_id}:access-point/${statement.value.access_point_id}"]
      }
    }
  }
}

# Read the image's name, and pull the image if it is in a registry of this account.
data "aws_iam_policy_document" "bastion_image" {
  statement {
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.image.arn]
  }

  dynamic "statement" {
    for_each = length(local.bastion_images) > 0 ? [local.bastion_images] : []

    content {
      actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(local.bastion_images) > 0 ? ["login"] : []

    content {
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"] # this action supports no resources; the token gives no more than its caller's permissions
    }
  }
}
