# Alarms come from the logs of the parts: metric filters count events, and alarms watch the counts. docs/reference/events.md lists the
# events. A missing regular event fires an alarm: a silent part never counts as a healthy one.
locals {
  hour = 3600
  day  = 86400

  # Time in which a scheduled worker must complete a pass: three of its intervals. A watching worker logs its passes every minute.
  passes = {
    sow         = { event = "work.passed", kind = "sow", period = local.hour, periods = 3 }
    reap        = { event = "work.passed", kind = "reap", period = local.day, periods = 1 }
    chitragupta = { event = "dns.passed", kind = "", period = local.hour, periods = 1 }
  }

  alarms = merge(
    {
      oldest-sow = {
        part    = "serve", pattern = "{ $.event = \"work.age\" && $.kind = \"sow\" }", value = "$.seconds"
        when    = "GreaterThanThreshold", limit = var.alarms.sow_minutes * 60, statistic = "Minimum", period = 300, periods = 3, silence = "breaching"
        meaning = "Work for sow is due and no worker takes it, or serve does not report it. See the log of sow, and check `gromit suspend`."
      }
    },
    {
      for kind, hours in { sow = var.alarms.undone_hours, reap = var.alarms.reap_hours } :
      "undone-${kind}" => {
        part    = "serve", pattern = "{ $.event = \"work.age\" && $.kind = \"${kind}\" }", value = "$.undone_seconds"
        when    = "GreaterThanThreshold", limit = hours * local.hour, statistic = "Minimum", period = 300, periods = 3, silence = "breaching"
        meaning = "An environment has waited too long for ${kind}, despite all attempts. See `gromit env list --phase ${kind == "sow" ? "failed,pending" : "deleting"}`."
      }
    },
    {
      for name, pass in local.passes :
      "not-run-${name}" => {
        part    = name, pattern = pass.kind == "" ? "{ $.event = \"${pass.event}\" }" : "{ $.event = \"${pass.event}\" && $.kind = \"${pass.kind}\" }"
        value   = "1", when = "LessThanThreshold", limit = 1, statistic = "Sum", period = pass.period, periods = pass.periods, silence = "breaching"
        meaning = "${name} has not completed a pass. See its log, and check `gromit suspend`."
      }
    },
    {
      for kind in ["sow", "reap"] :
      "failed-${kind}" => {
        part    = kind, pattern = "{ $.event = \"run.finished\" && $.ending = \"failed\" && $.failure_class != \"build\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.failed_runs, statistic = "Sum", period = local.hour, periods = 1, silence = "notBreaching"
        meaning = "Many runs of ${kind} failed within one hour, not because of their builds. See `gromit env list` for the environments and `gromit env get NAME` for the reason."
      }
    },
    {
      needs-person = {
        part    = "serve", pattern = "{ $.event = \"failure.recorded\" && $.failure_class = \"person\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = 1, statistic = "Sum", period = local.hour, periods = 1, silence = "notBreaching"
        meaning = "An environment cannot go on until an operator acts. See `gromit env list --phase failed,deleting` and `gromit env get NAME`."
      }
      set-aside = {
        part    = "serve", pattern = "{ $.event = \"row.set_aside\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = 1, statistic = "Sum", period = local.hour, periods = 1, silence = "notBreaching"
        meaning = "The row of an environment is damaged. See `gromit env list --phase unreadable`."
      }
    },
    {
      certificate = {
        part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name != \"ca\" }", value = "$.days"
        when    = "LessThanThreshold", limit = var.alarms.leaf_days, statistic = "Minimum", period = local.day, periods = 1, silence = "breaching"
        meaning = "A certificate expires soon and was not renewed, or pki has not checked it. See the log of pki."
      }
      ca = {
        part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name = \"ca\" }", value = "$.days"
        when    = "LessThanThreshold", limit = var.alarms.ca_days, statistic = "Minimum", period = local.day, periods = 1, silence = "breaching"
        meaning = "The CA expires soon: create the next one. See docs/how-to/renew-certificates.md."
      }
      quota = {
        part    = "doctor", pattern = "{ $.event = \"doctor.quota\" }", value = "$.percent"
        when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.quota_percent, statistic = "Maximum", period = local.day, periods = 1, silence = "breaching"
        meaning = "An AWS quota is nearly used up, or doctor has not checked. Run `gromit doctor aws` to see which, and ask AWS for more."
      }
      discrepancies = {
        part    = "doctor-environments", pattern = "{ $.event = \"doctor.compared\" }", value = "$.discrepancies"
        when    = "GreaterThanThreshold", limit = 0, statistic = "Maximum", period = local.day, periods = 1, silence = "breaching"
        meaning = "The table and what exists disagree, or nothing compared them. Run `gromit doctor environments`, then with `--fix` where the config volume is mounted. See docs/reference/doctor.md."
      }
    },
  )

  log_groups = merge(
    { serve = module.serve.log_group, pki = module.pki.log_group },
    { for name, worker in module.worker : name => worker.log_group },
  )
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.alarms

  name           = "gromit-${each.key}"
  log_group_name = local.log_groups[each.value.part]
  pattern        = each.value.pattern

  metric_transformation {
    name      = each.key
    namespace = "gromit"
    value     = each.value.value
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "gromit-${each.key}"
  alarm_description   = each.value.meaning
  namespace           = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].name
  comparison_operator = each.value.when
  threshold           = each.value.limit
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = local.platform.tags
}
