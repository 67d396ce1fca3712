"""Alerts: rules in TOML, watched utterance by utterance, the same on a file and on a stream.

rules   what a rule may say
watch   `Alerts`, who watches; `Alert`, what they cite
"""

from convemo.alerts.rules import Rule, Rules
from convemo.alerts.watch import Alert, Alerts, alerts_of, watched

__all__ = ["Alert", "Alerts", "Rule", "Rules", "alerts_of", "watched"]
