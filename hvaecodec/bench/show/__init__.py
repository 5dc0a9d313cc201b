"""What is made of records: curves, plots, tables, the report, the figures of the documents."""
