"""Learning what good looks like: patch features, a memory of normal patches, a patch head."""

from station.teach.anomaly.lesson import AnomalyLesson, Taught
from station.teach.anomaly.teach import teach_anomaly

__all__ = ["AnomalyLesson", "Taught", "teach_anomaly"]
