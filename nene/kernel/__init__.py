"""What every domain stands on: settings, clocks, transactions, jobs, locks, errors, and the servers of the demo."""
