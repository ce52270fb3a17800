"""What people write to configure FlowLoom: its shape, its effect, and which project is trusted with it."""
