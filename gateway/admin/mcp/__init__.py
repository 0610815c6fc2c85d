"""`/accrue/mcp`: memory as a server of the Model Context Protocol, for agents that ask on purpose."""
