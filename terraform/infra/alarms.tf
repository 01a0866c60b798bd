# Alarms come from the logs of the parts: metric filters make metrics of log lines, and alarms watch the metrics.
# docs/reference/events.md lists the lines, and docs/reference/alarms.md has a section for each alarm.
#
# An alarm that watches for silence has a metric that is never silent while serve runs: serve logs a line each minute, and a filter on
# it adds a zero to each of these metrics. So CloudWatch never has to guess what missing data mean: nothing fires before serve has run
# for the whole window of an alarm, and the windows are exact. Only `silent-serve` and `silent-gateway` watch for missing data.
locals {
  minute = 60
  hour   = 3600

  beat = "{ $.event = \"work.age\" && $.kind = \"sow\" }"

  # Time in which a pass must have ended: several intervals of the schedules in workers.tf and pki.tf. A watching worker logs its
  # passes every minute. A period times the number of periods is at most a day, or seven days if the period is an hour or longer.
  passes = {
    sow                 = { pattern = "{ $.event = \"work.passed\" && $.kind = \"sow\" }", period = 15 * local.minute, periods = 12 }
    reap                = { pattern = "{ $.event = \"work.passed\" && $.kind = \"reap\" }", period = local.hour, periods = 12 }
    chitragupta         = { pattern = "{ $.event = \"dns.passed\" }", period = 5 * local.minute, periods = 12 }
    pki                 = { pattern = "{ $.event = \"pki.standing\" && $.name = \"ca\" }", period = local.hour, periods = 72 }
    doctor              = { pattern = "{ $.event = \"doctor.checked\" }", period = local.hour, periods = 72 }
    doctor-environments = { pattern = "{ $.event = \"doctor.compared\" }", period = local.hour, periods = 72 }
  }

  # Windows in which three passes of a scheduled worker may not fail. A part that has no successful pass at all fires `not-run` as well.
  failed_passes = { sow = 6 * local.hour, reap = 24 * local.hour }

  # Conditions last: they fire once, and send a second message when they end.
  conditions = merge(
    {
      silent-serve = {
        part    = "serve", pattern = local.beat, value = "1"
        when    = "LessThanThreshold", limit = 1, statistic = "Sum", period = local.minute, periods = 10, missing = "missing"
        meaning = "serve has reported nothing for ten minutes: it does not run, or cannot read the table."
      }
      silent-gateway = {
        part    = "gateway", pattern = "{ $.event = \"gateway.checked\" }", value = "1"
        when    = "LessThanThreshold", limit = 1, statistic = "Sum", period = local.minute, periods = 10, missing = "missing"
        meaning = "The gateway has answered no health check for ten minutes: it does not run, or nothing reaches it."
      }
      oldest-sow = {
        part    = "serve", pattern = "{ $.event = \"work.age\" && $.kind = \"sow\" }", value = "$.seconds"
        when    = "GreaterThanThreshold", limit = var.alarms.sow_minutes * local.minute, statistic = "Minimum", period = 5 * local.minute, periods = 3, missing = "ignore"
        meaning = "Work for sow is due and no worker takes it."
      }
      ca = {
        part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name = \"ca\" }", value = "$.days"
        when    = "LessThanThreshold", limit = var.alarms.ca_days, statistic = "Minimum", period = local.hour, periods = 1, missing = "ignore"
        meaning = "The CA expires soon: create the next one."
      }
    },
    {
      for kind in ["sow", "reap"] :
      "failed-${kind}" => {
        part    = kind, pattern = "{ $.event = \"run.finished\" && $.ending = \"failed\" && $.failure_class != \"build\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.failed_runs, statistic = "Sum", period = local.hour, periods = 1, missing = "notBreaching"
        meaning = "Many runs of ${kind} failed within one hour, not because of their builds."
      }
    },
    {
      for kind, window in local.failed_passes :
      "failed-passes-${kind}" => {
        part    = kind, pattern = "{ $.event = \"work.pass_failed\" }", value = "1"
        when    = "GreaterThanOrEqualToThreshold", limit = 3, statistic = "Sum", period = window, periods = 1, missing = "notBreaching"
        meaning = "Three passes of ${kind} failed within ${window / local.hour} hours."
      }
    },
    {
      for name, pass in local.passes :
      "not-run-${name}" => {
        part    = name, pattern = pass.pattern, value = "1"
        when    = "LessThanThreshold", limit = 1, statistic = "Sum", period = pass.period, periods = pass.periods, missing = "ignore"
        meaning = "${name} has not completed a pass for ${pass.period * pass.periods / local.hour} hours."
      }
    },
  )

  # Each occurrence sends a message of its own: an environment that is stuck hides no other. The value of all other lines is zero, so
  # that the alarm is over after a minute. Nothing then says that all is well, because the occurrence is not over with it.
  occurrences = merge(
    {
      for kind in ["sow", "reap"] :
      "undone-${kind}" => {
        part    = "serve", pattern = "{ $.event = \"work.overdue\" && $.kind = \"${kind}\" }"
        meaning = "An environment has waited too long for ${kind}, despite all attempts."
      }
    },
    {
      needs-person = {
        part    = "serve", pattern = "{ $.event = \"failure.recorded\" && $.failure_class = \"person\" }"
        meaning = "An environment cannot go on until an operator acts."
      }
      set-aside = {
        part    = "serve", pattern = "{ $.event = \"row.set_aside\" }"
        meaning = "The row of an environment is damaged."
      }
    },
  )

  # A finding of a daily run sends a message each day until it is repaired, so that an old one hides no new one.
  reminders = {
    certificate = {
      part    = "pki", pattern = "{ $.event = \"pki.standing\" && $.name != \"ca\" }", value = "$.days"
      when    = "LessThanThreshold", limit = var.alarms.leaf_days, statistic = "Minimum"
      meaning = "A certificate expires soon and was not renewed."
    }
    quota = {
      part    = "doctor", pattern = "{ $.event = \"doctor.quota\" }", value = "$.percent"
      when    = "GreaterThanOrEqualToThreshold", limit = var.alarms.quota_percent, statistic = "Maximum"
      meaning = "An AWS quota is nearly used up."
    }
    discrepancies = {
      part    = "doctor-environments", pattern = "{ $.event = \"doctor.compared\" }", value = "$.for_operators"
      when    = "GreaterThanThreshold", limit = 0, statistic = "Maximum"
      meaning = "The table and what exists disagree."
    }
  }

  alarms = merge(
    { for name, condition in local.conditions : name => merge(condition, { ends = true, default = null }) },
    { for name, occurrence in local.occurrences : name => merge(occurrence, {
      value  = "1", when = "GreaterThanOrEqualToThreshold", limit = 1, statistic = "Sum"
      period = local.minute, periods = 1, missing = "notBreaching", ends = false, default = "0"
    }) },
    { for name, reminder in local.reminders : name => merge(reminder, {
      period = local.hour, periods = 1, missing = "notBreaching", ends = false, default = null
    }) },
  )

  # The zeros of serve's beat, and figures of chitragupta's passes for graphs.
  filters = merge(
    { for name, alarm in local.alarms : name => {
      metric = name, part = alarm.part, pattern = alarm.pattern, value = alarm.value, default = alarm.default
    } },
    { for name in keys(local.passes) : "beat-${name}" => {
      metric = "not-run-${name}", part = "serve", pattern = local.beat, value = "0", default = null
    } },
    { for field in ["records", "changed", "blocked"] : "dns-${field}" => {
      metric = "dns-${field}", part = "chitragupta", pattern = local.passes.chitragupta.pattern, value = "$.${field}", default = null
    } },
    { dns-failures = {
      metric = "dns-failures", part = "chitragupta", pattern = "{ $.event = \"dns.pass_failed\" }", value = "$.failures", default = null
    } },
  )

  log_groups = merge(
    { serve = module.serve.log_group, gateway = module.gateway.log_group, pki = module.pki.log_group },
    { for name, worker in module.worker : name => worker.log_group },
  )
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.filters

  name           = "gromit-${each.key}"
  log_group_name = local.log_groups[each.value.part]
  pattern        = each.value.pattern

  metric_transformation {
    name          = each.value.metric
    namespace     = "gromit"
    value         = each.value.value
    default_value = each.value.default
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "gromit-${each.key}"
  alarm_description   = "${each.value.meaning} See docs/reference/alarms.md#gromit-${each.key}"
  namespace           = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].namespace
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].name
  comparison_operator = each.value.when
  threshold           = each.value.limit
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = each.value.ends ? [aws_sns_topic.alarms.arn] : []
  tags                = local.platform.tags

  # A new alarm is in this state, and sends nothing then: only a change from another state does.
  insufficient_data_actions = each.value.missing == "missing" ? [aws_sns_topic.alarms.arn] : []
}
