"""The model card: one template that makes Markdown from a bundle's manifest and report."""

from heartapp.card.render import write_card

__all__ = ["write_card"]
