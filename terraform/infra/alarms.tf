# Alarms are made from what the parts log: metric filters count events, and alarms watch the counts. docs/reference/events.md has the
# events. What has to come regularly is an alarm when it does not come: the silence of a part is never taken for health.
locals {
  hour = 3600
  day  = 86400

  # When a worker that runs by schedule must have passed: three of its intervals. A watching one says so every minute.
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
        meaning = "Work for sow is due and nobody takes it, or serve does not say. See the log of sow; `gromit suspend` is a reason, too."
      }
    },
    {
      for kind, hours in { sow = var.alarms.undone_hours, reap = var.alarms.reap_hours } :
      "undone-${kind}" => {
        part    = "serve", pattern = "{ $.event = \"work.age\" && $.kind = \"${kind}\" }", value = "$.undone_seconds"
        when    = "GreaterThanThreshold", limit = hours * local.hour, statistic = "Minimum", period = 300, periods = 3, silence = "breaching"
        meaning = "An environment has waited too long for ${kind}, whatever was tried. See `gromit env list --phase ${kind == "sow" ? "failed,pending" : "deleting"}`."
      }
    },
    {
      for name, pass in local.passes :
      "not-run-${name}" => {
        part    = name, pattern = pass.kind == "" ? "{ $.event = \"${pass.event}\" }" : "{ $.event = \"${pass.event}\" && $.kind = \"${pass.kind}\" }"
        value   = "1", when = "LessThanThreshold", limit = 1, statistic = "Sum", period = pass.period, periods = pass.periods, silence = "breaching"
        meaning = "${name} has not come to the end of a pass. See its log; `gromit suspend` is a reason, too."
      }
    },
    {
      for kind in ["sow", "reap"] :
      "failed-${kind}" => {
        part    = kind, pattern = "{ $.event = \"run.finished\" && $.ending = \"failed\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.failed_runs, statistic = "Sum", period = local.hour, periods = 1, silence = "notBreaching"
        meaning = "Many runs of ${kind} have failed within an hour. `gromit env list` shows which, `gromit env get NAME` why."
      }
    },
    {
      certificate = {
        part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name != \"ca\" }", value = "$.days"
        when    = "LessThanThreshold", limit = var.alarms.leaf_days, statistic = "Minimum", period = local.day, periods = 1, silence = "breaching"
        meaning = "A certificate is near its end and was not renewed, or nobody has looked. See the log of pki."
      }
      ca = {
        part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name = \"ca\" }", value = "$.days"
        when    = "LessThanThreshold", limit = var.alarms.ca_days, statistic = "Minimum", period = local.day, periods = 1, silence = "breaching"
        meaning = "The CA is near its end: make the next one. See docs/how-to/renew-certificates.md."
      }
      quota = {
        part    = "doctor", pattern = "{ $.event = \"doctor.quota\" }", value = "$.percent"
        when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.quota_percent, statistic = "Maximum", period = local.day, periods = 1, silence = "breaching"
        meaning = "The next quota of AWS is near, or doctor has not looked. `gromit doctor aws` says which; ask AWS for more."
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
  tags                = local.ground.tags
}
