# Tags are passed to each resource, not set here: what default_tags does differs between the provider versions we allow.
provider "aws" {
  region = var.region
}
