"""What `flowloom setup` changes outside of FlowLoom's own folder, and how that is undone."""
