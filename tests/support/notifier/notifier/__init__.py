"""A provider of a kind that FlowLoom has none of: arguments instead of files, payloads by argument, no receipt."""
