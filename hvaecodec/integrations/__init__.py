"""Doors to other libraries; each module is imported only by who asks for it."""
