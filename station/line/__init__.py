"""The station at work: states, jobs, deadlines, threads, exactly one result a job."""
