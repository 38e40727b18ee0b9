"""Tools that this program does not bring itself: from MCP servers and OpenAPI documents."""
