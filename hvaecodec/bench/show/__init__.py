"""Makes curves, plots, tables, the report and the figures of the documents from records."""
