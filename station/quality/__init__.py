"""What results say about parts and about the station: rates, intervals, reports."""
