"""Files -> issues and labels: the only place that knows what other people's data looks like.

================  =========================================================================
``importing``     ``import_issues``: files -> our own issues.jsonl, with a report
``issues``        ``to_issue`` (one row -> one Issue), ``load_issues`` (our own file, strictly)
``labels``        ``read_labels``: a label file -> Labels, with a report
``rows``          which column feeds which field (``--map``), one cell -> text, date, number ...
``github``        what is particular to GitHub: bots, pull requests, URLs, the names of an issue
``files``         opens a file (gzip, BOM), tells JSON from tables, refuses what holds no rows
``json_and_csv``  JSON Lines, JSON lists, CSV, TSV and what APIs wrap around issues -> rows
================  =========================================================================
"""
