"""One task, run: asked, given to an agent, waited for, announced."""
