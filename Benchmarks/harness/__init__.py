"""What the benchmarks and the fault suite share: the server as a process, its clients, its data."""
