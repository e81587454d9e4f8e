"""The `api` blueprint: JSON and tables in and out, errors as RFC 9457 problem details, described by OpenAPI 3.1."""

from heartapp.api.views import blueprint

__all__ = ["blueprint"]
