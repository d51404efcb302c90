"""What the transports are measured against: the bare frameworks, echoing."""
