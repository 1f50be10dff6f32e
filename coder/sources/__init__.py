"""Files -> issues and labels: the only place that knows what other people's data looks like.

=============== ===========================================================================
``importing``   ``import_issues``: files -> our own issues.jsonl, with a report
``issues``      ``read_issues`` (one row -> one Issue) and ``load_issues`` (our own file, strictly)
``labels``      ``read_labels``: a label file -> Labels
``columns``     which column feeds which field: ``--map`` and the names recognised without it
``files``       opens a file (gzip, BOM) and tells JSON from tables by content
``kinds``       what a file is that holds no rows of text: archives, spreadsheets, databases
``lines``       lines of a bounded length
``json_rows``   JSON Lines, JSON lists        ``tables``  CSV and TSV
``github``      what is particular to GitHub: bots, pull requests, URLs
``values``      one cell -> text, date, number, labels, comments
=============== ===========================================================================
"""
