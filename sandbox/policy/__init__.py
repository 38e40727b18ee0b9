"""What a sandbox may do and use: limits, network, system calls. Without Docker, without database."""
