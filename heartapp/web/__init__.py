"""What both blueprints share: the registry's accessor, the errors' one table, security headers, health, compression."""
