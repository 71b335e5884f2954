"""The judge: protocol, metrics, confidence intervals, runs, reports and figures."""
