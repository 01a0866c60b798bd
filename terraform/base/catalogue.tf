# The catalogue is data: every repository in it gets a registry, a key and a role, without an edit here.
locals {
  shipped   = "${path.module}/../../src/gromit/catalogue/tyk.yaml"
  catalogue = yamldecode(file(var.catalogue))

  # The same reading as gromit's: a catalogue may extend the shipped one, and an entry replaces another of the same name.
  extended   = [for entry in yamldecode(file(local.shipped)).components : entry if can(local.catalogue.extends)]
  components = { for entry in concat(local.extended, local.catalogue.components) : entry.name => entry... }
  entries    = [for entries in values(local.components) : entries[length(entries) - 1]]

  # Repository to the tag of its default branch, which its components share.
  repositories = {
    for entry in local.entries : entry.repository => try(entry.default_tag, "master")... if can(entry.repository)
  }

  # Components in which people may run programs, for the policies of terraform/infra.
  exec_components = sort([for entry in local.entries : entry.name if try(entry.exec, false)])

  github = {
    organization    = var.organization
    organization_id = var.organization_id == "" ? null : var.organization_id
  }

  # The repository of gromit's own image.
  own = "gromit"

  tags = { managed = "gromit" }
}
