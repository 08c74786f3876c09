"""The panels of the Grafana dashboards that ship."""
