locals {
  # Neither an environment nor a component has `--` in its name, begins or ends with `-`: no two pairs share a full name.
  full_name = "${var.env}--${var.name}"
}
