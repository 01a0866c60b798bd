# The place of the CA's key. Its value is put there by `gromit pki` or by hand and never comes through terraform, so that no state
# holds it.
resource "aws_secretsmanager_secret" "ca_key" {
  # checkov:skip=CKV_AWS_149:encrypted with AWS's own key: one of ours would cost by the month and keep out nobody else
  # checkov:skip=CKV2_AWS_57:a new key of the CA is a new CA for everybody: a person decides
  name                    = "gromit/ca-key"
  description             = "Private key of the control plane's CA: read by the task pki alone"
  recovery_window_in_days = 30
  tags                    = local.tags

  lifecycle {
    prevent_destroy = true
  }
}
