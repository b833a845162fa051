"""What operators see: dashboards, rules and runbooks, made and checked here."""
