# The secret for the CA's key. `gromit pki` or a person adds the value. It never passes through terraform, so no state holds it.
resource "aws_secretsmanager_secret" "ca_key" {
  # checkov:skip=CKV_AWS_149:AWS's own key encrypts it: a key of ours would cost by the month and keep out no one else
  # checkov:skip=CKV2_AWS_57:a new key means a new CA for every client, so a person decides
  name                    = "gromit/ca-key"
  description             = "Private key of the control plane's CA: read by the task pki alone"
  recovery_window_in_days = 30
  tags                    = local.tags

  lifecycle {
    prevent_destroy = true
  }
}
