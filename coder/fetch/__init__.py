"""Issues from GitHub's API: asked page by page, kept as they come, and put together into one file.

``api``         one request: rate limits waited for, what is gone told apart
``pages``       the pages already had: where a stopped fetch goes on, what a later one asks
``rows``        what GitHub answers -> rows that are kept -> issues
``closings``    who closed and reopened issues, and by what
``repository``  which pages a repository needs
``assemble``    pages -> issues
``fetching``    all repositories -> one file, with what is on record of it
``listed``      issues that a list names, as of a replication package
"""
