"""The operator's page: a process of its own that uses the API like any other client."""
