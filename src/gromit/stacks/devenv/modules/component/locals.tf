locals {
  # No name of an environment or component contains `--`, or begins or ends with `-`. So no two pairs share a full name.
  full_name = "${var.env}--${var.name}"
}
