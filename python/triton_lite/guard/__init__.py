"""Who may call what: one set of rules for HTTP and gRPC, none of which costs anything where it is not asked for."""
