"""Issues in, issues worth coding out: what is set aside, by which rule, and how it comes back.

==============  ===================================================================================
``model``       the rules, and what is written down of a cleaning
``rules``       what one issue shows: pull request, bot, empty, template, closed as stale
``language``    what language an issue is written in
``duplicates``  issues said twice, in the same words or nearly
``clean``       all of it over a whole file, and taking single issues back
==============  ===================================================================================
"""
