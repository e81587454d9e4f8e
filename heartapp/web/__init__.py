"""What the blueprints share: settings and registry, errors, security headers, health, compression."""
