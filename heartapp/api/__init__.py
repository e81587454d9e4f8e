"""The `api` blueprint: JSON in, JSON out, errors as RFC 9457 problem details, described by OpenAPI 3.1."""

from heartapp.api.views import blueprint

__all__ = ["blueprint"]
