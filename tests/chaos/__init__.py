"""What nobody plans for: damaged files, killed processes, full disks, two writers. `make chaos` tries far more."""
