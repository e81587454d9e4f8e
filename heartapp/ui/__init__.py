"""The `ui` blueprint: the form, its answer, and the models' pages."""

from heartapp.ui.views import blueprint, error_page

__all__ = ["blueprint", "error_page"]
