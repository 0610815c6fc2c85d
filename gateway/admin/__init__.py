"""Our own paths beside the proxied ones, one module per resource."""
